"""In which number format this processor computes networks more quickly: measured once for each engine, and remembered.

Where it multiplies in bfloat16 that takes 0.2 to 0.7 of the time in float32, where it has to convert 1.4 to 4.6 times
as long: between the two there is room for what else a machine does meanwhile. Whole numbers of eight bits take half of
the better one's time where the processor multiplies them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from affekt.home import state_folder
from affekt.machine import processor
from affekt.storage import appearing

logger = logging.getLogger(__name__)

#: Share of the time in float32 up to which bfloat16 is taken, and of the quicker one's up to which int8 is.
PAYS = 0.8
#: Of what is remembered; what was remembered in another one is measured anew.
_LAYOUT = "2"
#: How often each format is measured, in turns; the quickest counts, which is the one that was disturbed least.
_TURNS = 7
_measuring = threading.Lock()
_known: dict[tuple[str, str, str], Measured] = {}


@dataclass(frozen=True)
class Measured:
    """Processor seconds of the same convolutions in each format; ``int8`` of an engine that has none is infinite."""

    float32: float
    bfloat16: float
    int8: float = math.inf

    @property
    def share(self) -> float:
        """The time in bfloat16 as a share of that in float32."""
        return self.bfloat16 / self.float32

    @property
    def quicker(self) -> str:
        """``float32`` or ``bfloat16``."""
        return "bfloat16" if self.share <= PAYS else "float32"

    @property
    def int8_pays(self) -> bool:
        """Whether whole numbers of eight bits are clearly quicker than :attr:`quicker`."""
        return self.int8 <= PAYS * min(self.float32, self.bfloat16)


#: Makes ready what is measured: by the name of each format, what computes the same in it.
Ways = Callable[[], Mapping[str, Callable[[], object]]]


def measured(engine: str, version: str, ways: Ways) -> Measured:
    """How long an engine takes in each format: what is remembered below affekt's home, or measured now.

    Without a home, which is not made for it, every process measures; that takes a tenth of a second.

    Args:
        engine: its name.
        version: likewise; another one is measured anew, as is another processor.
        ways: what is measured: float32 and bfloat16, and int8 of an engine that multiplies in it.
    """
    with _measuring:  # two at a time would measure each other
        key = (engine, version, processor())
        if key not in _known:
            place = _place(key)
            found = None if place is None else _read(place)
            if found is None:
                found = _measure(ways())
                logger.info("%s takes %.2f of the time in bfloat16: %s it is", engine, found.share, found.quicker)
                if place is not None:
                    _keep(place, found)
            _known[key] = found
        return _known[key]


def _measure(ways: Mapping[str, Callable[[], object]]) -> Measured:
    least = dict.fromkeys(ways, math.inf)
    for turn in range(_TURNS + 1):
        for name in least:
            began = time.process_time()
            ways[name]()
            if turn:  # the first works out how
                least[name] = min(least[name], time.process_time() - began)
    return Measured(**{name: max(seconds, 1e-9) for name, seconds in least.items()})


def _place(key: tuple[str, ...]) -> Path | None:
    if not (home := state_folder()).is_dir():
        return None
    name = hashlib.blake2b("\n".join((*key, _LAYOUT)).encode(), digest_size=16).hexdigest()
    return home / "cache" / "formats" / f"{name}.json"


def _read(place: Path) -> Measured | None:
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads(place.read_text(encoding="ascii"))
        found = Measured(**{name: float(seconds) for name, seconds in told.items()})
        if 0 < found.float32 < math.inf and 0 < found.bfloat16 < math.inf and found.int8 > 0:
            return found
    return None


def _keep(place: Path, found: Measured) -> None:
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with appearing(place) as free:
            told = {name: seconds for name, seconds in asdict(found).items() if seconds < math.inf}
            free.write_text(json.dumps(told), encoding="ascii")
