"""Clip file in, face crops, sound and functionals out, as a prepared clip."""

from typing import TYPE_CHECKING

from affekt.names_on_use import names_on_use

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

# OpenCV is imported by what prepares clips, numpy by what reads prepared ones, neither by what probes files.
__getattr__ = names_on_use(
    __name__,
    {
        "prepare": "check_skipped face_picture prepare_faces prepare_file",
        "prepared": "FaceSet PreparedClip PreparedIndex PreparedRow SkippedClip",
    },
)
