"""Fusion: several models' score vectors of a clip become one (paper.md, sections 3.3 and 4.4)."""

from affekt.fusion.fusion import METHODS, TRAINED, Fusion
from affekt.fusion.person import PERSON, PersonFusion, adapted
from affekt.fusion.tables import FusedTable, fuse_table

__all__ = ["METHODS", "PERSON", "TRAINED", "FusedTable", "Fusion", "PersonFusion", "adapted", "fuse_table"]
