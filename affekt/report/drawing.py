"""Imports what draws: its library, matplotlib, takes a tenth of a second, and makes folders among the person's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from affekt.home import caches

_FOLDER = "MPLCONFIGDIR"


def figures() -> ModuleType:
    """The module :mod:`affekt.report.figures`, imported so that the library's cache lies below affekt's home.

    A person who has a folder of matplotlib, or has imported it already, keeps that.
    """
    with _kept_below_home():
        from affekt.report import figures as module  # heavy: matplotlib

    return module


@contextmanager
def _kept_below_home() -> Iterator[None]:
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "matplotlib")
    if "matplotlib" in sys.modules or os.environ.get(_FOLDER) or own.exists():
        yield
        return
    os.environ[_FOLDER] = caches()[_FOLDER]
    try:
        yield
        import matplotlib  # heavy, and imported within

        matplotlib.get_cachedir()  # which it remembers
    finally:
        del os.environ[_FOLDER]
