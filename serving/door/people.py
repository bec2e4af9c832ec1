"""What the people whom callers name have shown in earlier clips: statistics, in the door's memory alone, for a while.

The door holds them since all workers, of whichever engine, answer its requests: a clip is sent to a worker with what is
known of its person, and the worker's answer brings what the clip adds. A person belongs to the key of the caller, so
that nobody is adapted by the clips of another caller who took the same word, and to a version, whose features no other
version knows. Of the word itself only a digest with a salt of this process is held. Where there is no room, it is taken
from the caller who has the most, so that nobody's people go for those of another who has more.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from affekt.serving.door.refusal import Refusal

if TYPE_CHECKING:
    from affekt.ensemble.earlier import Earlier

_DIGEST = 16
_WORD = re.compile(r"[A-Za-z0-9._:@-]{1,64}")


def word_of(*given: object) -> str:
    """The word for the person whom a request names in its query and its body; empty where it names none.

    Raises:
        Refusal: it is no such word, or there are two.
    """
    words = [word for word in given if word is not None and word != ""]
    for word in words:
        if not (isinstance(word, str) and _WORD.fullmatch(word)):
            message = (
                "expected as person 1 to 64 letters, digits, '.', '_', ':', '@' and '-', better random than a name"
            )
            raise Refusal(400, "bad_person", message)
        if word != words[0]:
            raise Refusal(400, "bad_person", "two persons are named; a clip is of one")
    return str(words[0]) if words else ""


class People:
    """Known people, the one who was longest not asked about first.

    Args:
        most: who are known at once; beyond them the first one of the caller with the most is forgotten.
        seconds: after the last clip of a person, until that person is forgotten.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._salt = secrets.token_bytes(16)
        self._known: OrderedDict[bytes, tuple[float, Earlier]] = OrderedDict()
        self._forgetting: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many are known."""
        return len(self._known)

    def key(self, word: str, caller: str, version: str) -> bytes:
        """Under which a person of a caller is known to a version; what it begins with is the caller's."""
        return self._digest(caller) + self._digest(word, version)

    def _digest(self, *parts: str) -> bytes:
        digest = hashlib.blake2b(key=self._salt, digest_size=_DIGEST)
        for part in parts:
            digest.update(len(part.encode()).to_bytes(4, "big") + part.encode())
        return digest.digest()

    def shown(self, key: bytes) -> dict[str, Any]:
        """What a person's earlier clips showed, as :meth:`Earlier.to_dict` has it; empty of somebody new."""
        self._forget()
        found = self._known.get(key)
        return found[1].to_dict() if found else {}

    def add(self, key: bytes, shown: Mapping[str, Any]) -> None:
        """Add what one more clip of a person showed."""
        from affekt.ensemble.earlier import Earlier  # numpy, and few doors are told of persons

        self._forget()
        _, earlier = self._known.pop(key, (0.0, Earlier()))
        self._known[key] = time.monotonic(), earlier.joined(Earlier.from_dict(shown))
        while len(self._known) > self.most:
            ((caller, _),) = Counter(known[:_DIGEST] for known in self._known).most_common(1)
            del self._known[next(known for known in self._known if known[:_DIGEST] == caller)]
        self._later()

    def _forget(self) -> None:
        """Forget those of whom there was no clip for too long; each moves to the end with a clip, so they are first."""
        while self._known and next(iter(self._known.values()))[0] + self.seconds <= time.monotonic():
            self._known.popitem(last=False)

    def _later(self) -> None:
        """Forget in time though nobody asks."""
        if self._forgetting is None and self._known:
            due = next(iter(self._known.values()))[0] + self.seconds - time.monotonic()
            self._forgetting = asyncio.get_running_loop().call_later(max(0.0, due) + 0.01, self._due)

    def _due(self) -> None:
        self._forgetting = None
        self._forget()
        self._later()
