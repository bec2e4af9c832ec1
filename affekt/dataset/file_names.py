"""Which files are clips, sound or images by their names, and how folders call the splits."""

from __future__ import annotations

from posixpath import splitext

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


def canonical_split(name: str) -> str | None:
    """``train``, ``val`` or ``test`` for a known spelling (``Train_AFEW``, ``PublicTest``, ``dev``), else None."""
    folded = name.strip().lower().replace("-", "_").replace(" ", "_")
    folded = folded.removeprefix("afew_").removesuffix("_afew").removesuffix("_set").replace("_", "")
    return _SPLITS.get(folded)


def is_media(path: str, suffixes: frozenset[str]) -> bool:
    """Whether a relative path ends in one of the suffixes and no part of it is hidden (``.``, ``__MACOSX``)."""
    if splitext(path)[1].lower() not in suffixes:
        return False
    return not any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
