"""What a conformance check raises: which promise is not kept, and by whom."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from affekt.extensions import EXTENSIONS

#: What costs too much to be imported when what is installed is listed.
HEAVY = ("torch", "cv2", "sklearn", "mlflow", "kfp", "opensmile", "matplotlib", "pandas")


class ConformanceError(AssertionError):
    """Something that was added to affekt does not keep its contract; the message says what was expected and found."""


def require(kept: bool, who: str, what: str) -> None:
    """Raise where a promise is not kept.

    Args:
        kept: whether it is.
        who: the kind and the name of what was added.
        what: the sentence that should be true, with what was found instead.

    Raises:
        ConformanceError: it is not.
    """
    if not kept:
        raise ConformanceError(f"{who}: {what}")


def require_spec(kind: str, name: str, who: str) -> None:
    """Require of a spec that its name is in snake_case, and that its module imports nothing heavy.

    Args:
        kind: a key of :data:`affekt.extensions.EXTENSIONS`.
        name: under which it is offered.
        who: as of :func:`require`.

    Raises:
        ConformanceError: it is not so.
    """
    require(name.isidentifier() and name == name.lower(), who, "its name should be a word in snake_case")
    for point in entry_points(group=EXTENSIONS[kind], name=name):
        listing = f"import {point.module}, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=False)
        require(done.returncode == 0, who, f"its module should be importable by itself: {done.stderr[-500:]}")
        found = ", ".join(done.stdout.split())
        require(
            not found,
            who,
            f"importing {point.module} should import nothing heavy; it imports {found} (do so in the functions that "
            "need it)",
        )
