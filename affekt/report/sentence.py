"""An answer in a few words, from its document: here, and where a server gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sentence(document: Mapping[str, Any]) -> str:
    """The document of an answer in a few words: the label, the next two, and what it was told from."""
    ranked = sorted(document["probabilities"].items(), key=lambda item: -item[1])
    others = ", ".join(f"{label} {value:.0%}" for label, value in ranked[1:3])
    known = document.get("known_labels")
    among = f"; among {', '.join(known)}" if known else ""
    used = " and ".join(document["modalities"])
    return f"{document['label']} {document['confidence']:.0%} (then {others}; from {used}{among})"
