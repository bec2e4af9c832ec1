"""Clip file in, face crops, sound and functionals out, as a prepared clip."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.media.prepare import check_skipped, face_picture, prepare_faces, prepare_file
    from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex, PreparedRow, SkippedClip

__all__ = [
    "FaceSet",
    "PreparedClip",
    "PreparedIndex",
    "PreparedRow",
    "SkippedClip",
    "check_skipped",
    "face_picture",
    "prepare_faces",
    "prepare_file",
]


_PREPARING = ("check_skipped", "face_picture", "prepare_faces", "prepare_file")


def __getattr__(name: str) -> Any:
    """OpenCV is imported by what prepares clips, numpy by what reads prepared ones, neither by what probes files."""
    if name in __all__:
        return getattr(import_module(f"affekt.media.{'prepare' if name in _PREPARING else 'prepared'}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
