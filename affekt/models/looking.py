"""One clip looked at by all members, each as soon as what it looks at is there: by two threads while it is prepared."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from affekt.extensions import model_spec
from affekt.media.deadline import Deadline
from affekt.media.prepared import PreparedClip
from affekt.models.member import Member, Scored
from affekt.stages import stage


class Looking:
    """What members say of one clip, of which first what is seen, what is heard, or all may be there.

    :meth:`seen` and :meth:`heard` may be called by two threads at once. Each asks members until there is none that can
    be asked, so the one that is done first goes on with what the other has not begun; no member is asked twice. Those
    that took longest for the clip before come first, so that neither waits long for the other. What a member says
    depends on nothing but the clip.

    Args:
        members: by name, each behind those that it needs.
        took: the seconds of each for the clip before, as far as there was one; those for this one take their place.
        deadline: until when the last of them must have been asked.
    """

    def __init__(self, members: Mapping[str, Member], took: dict[str, float], deadline: Deadline | None = None) -> None:
        self._members, self._took, self._deadline = members, took, deadline
        self._waiting = list(members)
        self._said: dict[str, Scored] = {}
        self._lock = threading.Lock()
        self._faces: PreparedClip | None = None
        self._voice: PreparedClip | None = None
        self._whole: PreparedClip | None = None

    def seen(self, clip: PreparedClip) -> None:
        """Ask those that look at nothing but faces, nor do those that they need.

        Args:
            clip: with all that is seen of it.

        Raises:
            MediaError: ``timeout``: the deadline was over before the last of them had been asked.
        """
        self._faces = clip
        self._ask()

    def heard(self, clip: PreparedClip) -> None:
        """Ask those that listen to nothing but the voice, as :meth:`seen`.

        Args:
            clip: with all that is heard of it.
        """
        self._voice = clip
        self._ask()

    def whole(self, clip: PreparedClip) -> dict[str, Scored]:
        """Ask those that are left; what all say, in the members' order. Errors as :meth:`seen`."""
        self._whole = clip
        self._ask()
        return {name: self._said[name] for name in self._members}

    def _ask(self) -> None:
        while (taken := self._take()) is not None:
            name, clip = taken
            if self._deadline is not None:
                self._deadline.check(f"before {name} had looked at it")
            offered = {needed: self._said[needed].offers for needed in model_spec(name).needs}
            began = time.perf_counter()
            with stage(name):
                self._said[name] = self._members[name].score(clip, offered)
            self._took[name] = time.perf_counter() - began

    def _take(self) -> tuple[str, PreparedClip] | None:
        """The member that is to be asked next, and of what; None where none can be."""
        with self._lock:
            ready = {name: clip for name in self._waiting if (clip := self._clip_for(name)) is not None}
            if not ready:
                return None
            name = max(ready, key=lambda each: self._took.get(each, 0.0))
            self._waiting.remove(name)
            return name, ready[name]

    def _clip_for(self, name: str) -> PreparedClip | None:
        spec = model_spec(name)
        if any(needed not in self._said for needed in spec.needs):
            return None
        if self._whole is not None:
            return self._whole
        if spec.sees and spec.hears:
            return None
        return self._faces if spec.sees else self._voice
