"""Public names of packages are imported when they are used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("affekt.dataset", "affekt.ensemble", "affekt.fusion", "affekt.media", "affekt.registry")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_of_a_package_is_there(name):
    package = import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None


@pytest.mark.parametrize("name", PACKAGES)
def test_another_name_is_an_error_that_names_the_package(name):
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nonsense'"):
        _ = import_module(name).nonsense


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_alone_imports_none_of_its_modules(name):
    code = f"import sys, {name}; print(*(module for module in sys.modules if module.startswith('{name}.')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
