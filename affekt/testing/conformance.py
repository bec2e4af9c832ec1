"""What a conformance check raises: which promise is not kept, and by whom."""

from __future__ import annotations


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
