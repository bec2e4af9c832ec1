"""Published checkpoints to start from: which there are, how they come here, and what their networks expect."""

from affekt.pretrained.catalogue import CATALOGUE, LAYOUTS, Convention, Published, published
from affekt.pretrained.collection import Held, collection, folder_of, held, kept_names, verify

__all__ = [
    "CATALOGUE",
    "LAYOUTS",
    "Convention",
    "Held",
    "Published",
    "collection",
    "folder_of",
    "held",
    "kept_names",
    "published",
    "verify",
]
