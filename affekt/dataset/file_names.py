"""What the path of a file tells: the label, subject and split, as AFEW, FER2013, RAVDESS and CREMA-D write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import splitext

from affekt.dataset.labels import canonical_label
from affekt.errors import DataError

VIDEO_SUFFIXES = frozenset(
    (".3gp", ".asf", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
)
SOUND_SUFFIXES = frozenset((".aac", ".flac", ".m4a", ".mp3", ".ogg", ".wav"))
CLIP_SUFFIXES = VIDEO_SUFFIXES | SOUND_SUFFIXES
IMAGE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp"))

_SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "publictest": "val",
    "test": "test", "testing": "test", "privatetest": "test",
}  # fmt: skip

#: Modality, vocal channel, emotion, intensity, statement, repetition, actor (Livingstone & Russo, PLOS ONE 2018).
_RAVDESS = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_RAVDESS_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
_RAVDESS_MODALITIES = {"01": "audio-video", "02": "video", "03": "audio"}

#: Actor, sentence, emotion, level of the emotion (Cao et al., IEEE Trans. Affective Computing 2014).
_CREMA_D = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)", re.IGNORECASE)


@dataclass(frozen=True)
class NameFacts:
    """What a file name alone tells.

    ``recording`` is shared by the copies of one performance (with and without sound, or as sound alone), and
    ``rank`` orders those copies, the most complete first.
    """

    label: str
    subject: str
    recording: str
    rank: int
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PathFacts:
    """What a path below a data folder tells; ``stranger`` is the folder that stands where a label was expected."""

    label: str
    split: str
    subject: str = ""
    stranger: str = ""
    name: NameFacts | None = None


def canonical_split(name: str) -> str | None:
    """``train``, ``val`` or ``test`` for a known spelling (``Train_AFEW``, ``PublicTest``, ``dev``), else None."""
    folded = name.strip().lower().replace("-", "_").replace(" ", "_")
    folded = folded.removeprefix("afew_").removesuffix("_afew").removesuffix("_set").replace("_", "")
    return _SPLITS.get(folded)


def read_name(name: str) -> NameFacts | None:
    """The facts in a RAVDESS or CREMA-D file name, or None where it is neither."""
    stem, ending = splitext(name)
    if fields := _RAVDESS.fullmatch(stem):
        modality, channel, emotion, intensity, statement, repetition, actor = fields.groups()
        attributes = {
            "modality": _RAVDESS_MODALITIES[modality],
            "vocal_channel": "speech" if channel == "01" else "song",
            "intensity": "normal" if intensity == "01" else "strong",
            "statement": statement,
            "repetition": repetition,
            "gender": "male" if int(actor) % 2 else "female",
        }
        label = canonical_label(_RAVDESS_EMOTIONS[int(emotion) - 1])
        return NameFacts(label, actor, stem[3:], int(modality), attributes)
    if fields := _CREMA_D.fullmatch(stem):
        actor, sentence, emotion, level = fields.groups()
        kind = ending.lower()
        rank = 1 if kind in VIDEO_SUFFIXES else 2 if kind == ".wav" else 3
        attributes = {"sentence": sentence.upper(), "level": level.upper()}
        return NameFacts(canonical_label(emotion), actor, stem.upper(), rank, attributes)
    return None


def read_path(path: str) -> PathFacts:
    """What a path relative to the data folder tells, written with ``/``.

    The label is the innermost folder that names one, else the file's own name; the split is the innermost folder
    that names one. Folders in between (``AlignedFaces``, a root inside an archive) do not matter.
    """
    folders, _, name = path.rpartition("/")
    label, split, stranger = _read_folders(folders)
    facts = read_name(name)
    if facts:
        return PathFacts(label or facts.label, split, facts.subject, "", facts)
    return PathFacts(label, split, "", "" if label else stranger)


@lru_cache(maxsize=1024)
def _read_folders(path: str) -> tuple[str, str, str]:
    """Label, split, and the folder that is neither, of the folders above a file."""
    label, split, stranger = "", "", ""
    for folder in reversed(path.split("/")):
        if not split and (found := canonical_split(folder)):
            split = found
        elif not label:
            try:
                label = canonical_label(folder)
            except DataError:
                # Above the split stand the names of the data set and of who made it.
                stranger = stranger or ("" if split else folder)
    return label, split, stranger


def is_media(path: str, suffixes: frozenset[str]) -> bool:
    """Whether a relative path ends in one of the suffixes and no part of it is hidden (``.``, ``__MACOSX``)."""
    if splitext(path)[1].lower() not in suffixes:
        return False
    return not any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
