"""Which data sets the arguments of a command mean: ``DATA``, and each further ``--data``."""

from __future__ import annotations

import argparse

from affekt.dataset.several import joined
from affekt.errors import UsageError


def data_meant(options: argparse.Namespace) -> str:
    """The data sets of a command as one text (:mod:`affekt.dataset.several`).

    Raises:
        UsageError: there is none.
        DataError: one is named twice.
    """
    places = [place for place in (options.data, *options.further) if place]
    if not places:
        file = getattr(options, "json", None)  # of evaluate, which may have taken what stands behind it
        taken = f"; --json took {file} as the file to write, so put DATA before it" if isinstance(file, str) else ""
        taken = "" if file == "-" else taken
        raise UsageError(f"the following arguments are required: DATA{taken}", code="usage")
    return joined(places)
