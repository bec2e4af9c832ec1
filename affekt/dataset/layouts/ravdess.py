"""RAVDESS: seven numbers in the file name (Livingstone and Russo, PLOS ONE 2018)."""

from __future__ import annotations

import re
from posixpath import basename, splitext

from affekt.extensions.layout import FileFacts, LayoutSpec

#: Modality, vocal channel, emotion, intensity, statement, repetition, actor.
_NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
_MODALITIES = {"01": "audio-video", "02": "video", "03": "audio"}


def read(path: str) -> FileFacts | None:
    """What the name tells; a recording has copies with picture and sound, with picture alone and with sound alone."""
    stem = splitext(basename(path))[0]
    fields = _NAME.fullmatch(stem)
    if not fields:
        return None
    modality, channel, emotion, intensity, statement, repetition, actor = fields.groups()
    attributes = {
        "modality": _MODALITIES[modality],
        "vocal_channel": "speech" if channel == "01" else "song",
        "intensity": "normal" if intensity == "01" else "strong",
        "statement": statement,
        "repetition": repetition,
        "gender": "male" if int(actor) % 2 else "female",
    }
    return FileFacts(_EMOTIONS[int(emotion) - 1], actor, attributes=attributes, recording=stem[3:], rank=int(modality))


SPEC = LayoutSpec(
    name="ravdess", title="RAVDESS file names", example="03-01-06-01-02-01-12.mp4", read_path=read, order=20
)
