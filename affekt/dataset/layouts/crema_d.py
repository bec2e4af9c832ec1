"""CREMA-D: actor, sentence, emotion and its level in the file name (Cao et al., IEEE TAC 2014)."""

from __future__ import annotations

import re
from posixpath import basename, splitext

from affekt.dataset.file_names import VIDEO_SUFFIXES
from affekt.dataset.labels import canonical_label
from affekt.extensions.layout import FileFacts, LayoutSpec

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)", re.IGNORECASE)


def read(path: str) -> FileFacts | None:
    """What the name tells; a recording has copies as a film, as WAV and as MP3."""
    stem, ending = splitext(basename(path))
    fields = _NAME.fullmatch(stem)
    if not fields:
        return None
    actor, sentence, emotion, level = fields.groups()
    kind = ending.lower()
    rank = 1 if kind in VIDEO_SUFFIXES else 2 if kind == ".wav" else 3
    attributes = {"sentence": sentence.upper(), "level": level.upper()}
    return FileFacts(canonical_label(emotion), actor, attributes=attributes, recording=stem.upper(), rank=rank)


SPEC = LayoutSpec(name="crema_d", title="CREMA-D file names", example="1001_IEO_NEU_XX.flv", read_path=read, order=30)
