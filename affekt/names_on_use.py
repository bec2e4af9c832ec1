"""The public names of a package, each imported from its module when it is used: what is not used costs no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names_on_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The function ``__getattr__`` of a package.

    Args:
        package: its name.
        modules: of each of its modules the public names, with blanks between them.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def found(name: str) -> Any:
        if name in module_of:
            return getattr(import_module(f"{package}.{module_of[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return found
