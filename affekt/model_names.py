"""What a registered model may be called."""

from __future__ import annotations

import re

from affekt.errors import AffektError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
#: MLflow's limit for names is 256; a run's folder bears the name behind a date.
_LONGEST_NAME = 200


def check_name(name: str) -> None:
    """Whether a model can be registered and referred to by this name.

    Raises:
        AffektError: it cannot; the message says what a name may be.
    """
    if not NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise AffektError(
            f"a name begins with a letter or digit, has letters, digits, '_', '-' and '.' only, and at most "
            f"{_LONGEST_NAME} of them",
            code="bad_name",
            where=name[:300],
        )
