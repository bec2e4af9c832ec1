"""Faces are searched in a thread of its own while the pictures of a clip are decoded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType

from affekt.media.faces import FaceSearch
from affekt.media.frames import Frames
from affekt.settings import MediaSettings


class Ahead:
    """A search of faces that begins with the first pictures; within it, a clip is decoded.

    What is searched so is what :func:`affekt.media.faces.find_faces` would search first, in the same order, so the
    faces are the same.

    Args:
        settings: as for :func:`affekt.media.faces.find_faces`.
        check: likewise; what it raises ends this search, and no more.
    """

    def __init__(self, settings: MediaSettings, check: Callable[[], None]) -> None:
        self._settings, self._check = settings, check
        self._following: _Following | None = None

    def arrived(self, frames: Frames) -> None:
        """There are more pictures; those of a decoding before this one are given up."""
        if self._following is None or frames is not self._following.search.frames:
            self._end()
            self._following = _Following(FaceSearch(frames, self._settings, self._check))
        self._following.counts.put(frames.count)

    def search_of(self, frames: Frames) -> FaceSearch | None:
        """What has been searched, where the clip has come to consist of these pictures."""
        self._end()
        following = self._following
        if following is None or following.failed or frames is not following.search.frames or frames.thinned:
            return None
        return following.search

    def __enter__(self) -> Ahead:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread."""
        self._end()

    def _end(self) -> None:
        if self._following is not None:
            self._following.end()


class _Following(threading.Thread):
    """The thread of a search, which ends after the key frame that it is at."""

    def __init__(self, search: FaceSearch) -> None:
        super().__init__(name="affekt-faces", daemon=True)
        self.search, self.counts = search, SimpleQueue[int]()
        self.failed = self._ended = False
        self.start()

    def run(self) -> None:
        try:
            while (count := self.counts.get()) and not self._ended:
                self.search.go_on(count)
        except Exception:
            self.failed = True  # whoever searches from the beginning meets the same, and tells

    def end(self) -> None:
        self._ended = True
        self.counts.put(0)
        self.join()
