"""The awkward clips of the media tests, for the store that keeps what is prepared of them."""

from tests.media.conftest import astronaut, film, make_clip, pattern, settings

__all__ = ["astronaut", "film", "make_clip", "pattern", "settings"]
