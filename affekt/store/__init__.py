"""The prepared store: what was prepared of each clip, written once and read as needed, locally and from S3."""

from affekt.store.entries import VERSION, Store
from affekt.store.unit import PreparedStore, store_of

__all__ = ["VERSION", "PreparedStore", "Store", "store_of"]
