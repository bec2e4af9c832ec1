"""SAVEE: a folder for each of four speakers, and in it files named by emotion and number, as ``DC/su04.avi``."""

from __future__ import annotations

import re

from affekt.extensions import FileFacts, LayoutSpec

_NAME = re.compile(r"(?:.*/)?(DC|JE|JK|KL)/(a|d|f|h|n|sa|su)(\d\d)\.\w+")
_EMOTIONS = {
    "a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise",
}  # fmt: skip


def read(path: str) -> FileFacts | None:
    """What folder and name tell; all four speakers are men."""
    found = _NAME.fullmatch(path)
    if not found:
        return None
    speaker, emotion, sentence = found.groups()
    return FileFacts(_EMOTIONS[emotion], speaker, attributes={"gender": "male", "sentence": sentence})


SPEC = LayoutSpec(name="savee", title="SAVEE speaker folders", example="DC/su04.avi", read_path=read)
