"""KFP's SDK without its client and Kubernetes' SDK, which are half of its import and compile nothing."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

#: KFP's own mark of a step's process, in which its package imports no client.
_MARK = "_KFP_RUNTIME"
_SDK = "kubernetes"


def import_kfp() -> None:
    """Import ``kfp`` and ``kfp.kubernetes``, before anything else of them; without effect where they are imported.

    ``kfp.Client`` is missing in this process afterwards; ``from kfp.client import Client`` has it.
    """
    with _marked():
        importlib.import_module("kfp")
    with _sdk_later():
        importlib.import_module("kfp.kubernetes")


@contextmanager
def _marked() -> Iterator[None]:
    before = os.environ.get(_MARK)
    os.environ[_MARK] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_MARK]
        else:
            os.environ[_MARK] = before


@contextmanager
def _sdk_later() -> Iterator[None]:
    """Let modules import from Kubernetes' SDK, which is imported once they use what they got."""
    if _SDK in sys.modules:
        yield
        return
    sdk = ModuleType(_SDK)
    sdk.client = _Later(f"{_SDK}.client")  # type: ignore[attr-defined]
    sys.modules[_SDK] = sdk
    try:
        yield
    finally:
        del sys.modules[_SDK]


class _Later(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)
