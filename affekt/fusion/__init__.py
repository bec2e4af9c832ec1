"""Fusion: several models' score vectors of a clip become one (paper.md, sections 3.3 and 4.4)."""

from typing import TYPE_CHECKING

from affekt.names_on_use import names_on_use

if TYPE_CHECKING:
    from affekt.fusion.fusion import Fusion
    from affekt.fusion.key import FusionKey
    from affekt.fusion.person import PersonFusion, adapted
    from affekt.fusion.tables import FusedTable, fuse_table

__all__ = ["FusedTable", "Fusion", "FusionKey", "PersonFusion", "adapted", "fuse_table"]

# What reads tables is imported by what fuses, not by the settings, which only ask for the methods' specs.
__getattr__ = names_on_use(
    __name__,
    {
        "fusion": "Fusion",
        "key": "FusionKey",
        "person": "PersonFusion adapted",
        "tables": "FusedTable fuse_table",
    },
)
