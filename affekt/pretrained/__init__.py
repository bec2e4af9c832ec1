"""Published checkpoints to start from: which there are, how they come here, and what their networks expect."""

from affekt.pretrained.catalogue import CATALOGUE, LAYOUTS, Convention, Published, published

__all__ = ["CATALOGUE", "LAYOUTS", "Convention", "Published", "published"]
