"""What a command says beside its results: on standard error, and not with ``--quiet``."""

from __future__ import annotations

import sys

from affekt.progress import heard


def remark(text: str) -> None:
    """Say a line."""
    if heard():
        print(text, file=sys.stderr)
