"""Fusion: several models' score vectors of a clip become one (paper.md, sections 3.3 and 4.4)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.fusion.fusion import Fusion
    from affekt.fusion.key import FusionKey
    from affekt.fusion.person import PersonFusion, adapted
    from affekt.fusion.tables import FusedTable, fuse_table

__all__ = ["FusedTable", "Fusion", "FusionKey", "PersonFusion", "adapted", "fuse_table"]

_MODULES = {"Fusion": "fusion", "FusionKey": "key", "FusedTable": "tables", "fuse_table": "tables"}


def __getattr__(name: str) -> Any:
    """What reads tables is imported by what fuses, not by the settings, which only ask for the methods' specs."""
    if name in __all__:
        return getattr(import_module(f"affekt.fusion.{_MODULES.get(name, 'person')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
