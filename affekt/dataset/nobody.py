"""Words that stand in the place of a subject's name where nobody knows it: whose clips they are is not known either."""

from __future__ import annotations

import re

from affekt.dataset.tables import is_missing

_BETWEEN = re.compile(r"[\s_\-]+")
#: MSP-Podcast has ``Unknown`` for the speakers of a good part of its clips.
_WORDS = frozenset(
    (
        "unknown", "unk", "unknown speaker", "unknown subject", "unknown person", "unknown actor", "unidentified",
        "unspecified", "undefined", "anonymous", "not known", "not available", "not specified", "no subject",
        "unbekannt", "inconnu", "inconnue", "desconocido", "desconhecido", "sconosciuto", "onbekend", "неизвестно",
        "未知", "不明",
    )
)  # fmt: skip


def names_nobody(cell: str) -> bool:
    """Whether a subject's cell is blank, a word for a missing value, or one for a person whom nobody knows."""
    return is_missing(cell) or _BETWEEN.sub(" ", cell.strip().casefold()) in _WORDS
