"""The clips of a data set that nobody labelled yet: rows without a label, and files that the manifest does not list."""

from __future__ import annotations

import os
from pathlib import Path

from affekt.dataset.clips import Clip
from affekt.dataset.file_names import CLIP_SUFFIXES, is_media
from affekt.dataset.layouts import told_of
from affekt.dataset.manifest import manifest_of
from affekt.dataset.source import Source, is_table
from affekt.dataset.tree import Listed
from affekt.storage import is_remote, list_folder


def unlabelled_clips(uri: str, source: Source) -> list[Clip]:
    """The clips without a label, those of the split ``test`` aside, in the order of the source and then of their names.

    Files that a manifest does not list count where the data set is given as the folder that holds it. Their subjects
    are told by their names, where a layout knows them.

    Args:
        uri: of the data set, as :func:`affekt.dataset.read_source` takes it.
        source: what that read.

    Raises:
        DataError: the folder cannot be listed.
    """
    found = [clip for clip in source.table if not clip.label and clip.split != "test"]
    if is_table(uri) or not manifest_of(uri):
        return found
    listed = {_plain(clip.uri) for clip in source.table}
    entries = list_folder(uri if is_remote(uri) else Path(uri).absolute()).entries
    others = [e for e in entries if is_media(e.path, CLIP_SUFFIXES) and _plain(e.uri) not in listed]
    told = told_of(Listed(entries, uri), [entry.path for entry in others])
    return found + [
        Clip(entry.path, entry.uri, subject=fact.subject, where=entry.uri)
        for entry, fact in zip(others, told, strict=True)
    ]


def _plain(uri: str) -> str:
    return uri if is_remote(uri) else os.path.normpath(uri)
