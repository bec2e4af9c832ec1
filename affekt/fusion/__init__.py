"""Fusion: several models' score vectors of a clip become one (paper.md, sections 3.3 and 4.4)."""

from affekt.fusion.fusion import METHODS, TRAINED, Fusion
from affekt.fusion.tables import FusedTable, fuse_table

__all__ = ["METHODS", "TRAINED", "FusedTable", "Fusion", "fuse_table"]
