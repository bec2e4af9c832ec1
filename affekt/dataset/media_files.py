"""The media files of a folder, whatever they are labelled: what can be asked about."""

from __future__ import annotations

from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES, is_media
from affekt.errors import DataError
from affekt.storage import list_entries

#: How the names of files end that can be asked about.
MEDIA_SUFFIXES = CLIP_SUFFIXES | IMAGE_SUFFIXES


def media_files(uri: str) -> list[str]:
    """The clips and pictures in a folder and in those below it, by name; local or below an ``s3://`` address.

    Hidden files and folders are passed over.

    Raises:
        DataError: there is none.
    """
    found = [entry.uri for entry in list_entries(uri) if is_media(entry.path, MEDIA_SUFFIXES)]
    if not found:
        raise DataError("holds no media file; expected clips or pictures", code="no_files", where=uri)
    return found
