"""The media files of a folder, whatever they are labelled: what can be asked about."""

from __future__ import annotations

import logging

from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES, is_media
from affekt.dataset.left_out import left_out
from affekt.errors import DataError
from affekt.storage import list_folder

logger = logging.getLogger(__name__)
#: How the names of files end that can be asked about.
MEDIA_SUFFIXES = CLIP_SUFFIXES | IMAGE_SUFFIXES


def media_files(uri: str) -> list[str]:
    """The clips and pictures in a folder and in those below it, by name; local or below an ``s3://`` address.

    Hidden files and folders and those of a system are passed over; other files and broken links are told in the log.

    Raises:
        DataError: there is none.
    """
    listing = list_folder(uri)
    taken = [entry for entry in listing.entries if is_media(entry.path, MEDIA_SUFFIXES)]
    found = [entry.uri for entry in taken]
    for problem in left_out(listing, taken, MEDIA_SUFFIXES, uri):
        logger.warning("%s", problem)
    if not found:
        raise DataError("holds no media file; expected clips or pictures", code="no_files", where=uri)
    return found
