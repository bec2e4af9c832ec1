"""Clip file in, face crops, sound and functionals out, as a prepared clip."""

from typing import TYPE_CHECKING, Any

from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex, PreparedRow, SkippedClip

if TYPE_CHECKING:
    from affekt.media.prepare import check_skipped, face_picture, prepare_faces, prepare_file

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


def __getattr__(name: str) -> Any:
    """OpenCV is imported by what prepares clips, not by what only reads prepared ones."""
    if name in __all__:
        from affekt.media import prepare  # heavy: cv2, which prepared clips are read without

        return getattr(prepare, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
