"""An ensemble made with what other packages offer asks for all of them at once."""

from __future__ import annotations

import pytest

from affekt.ensemble.assembly import require_extensions
from affekt.errors import DataError


def test_all_that_is_missing_is_named_with_its_packages():
    used = {
        "detector": {"name": "eyes", "package": "their-eyes"},
        "feature set": {"name": "egemaps", "package": "affekt"},
        "fusion": {"name": "votes", "package": "their-votes"},
    }
    with pytest.raises(DataError) as raised:
        require_extensions({"extensions": used}, "FOLDER")
    assert raised.value.code == "extension_not_installed"
    assert str(raised.value).endswith(
        "no installed package offers a detector 'eyes' (group 'affekt.detectors') and a fusion 'votes' (group "
        "'affekt.fusions'); install their-eyes and their-votes, with which it was trained"
    )


def test_an_ensemble_stored_before_names_none():
    require_extensions({}, "FOLDER")
