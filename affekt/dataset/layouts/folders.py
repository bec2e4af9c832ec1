"""One folder per label, with folders of splits above or below: AFEW, FER2013 and most sets that somebody sorted."""

from __future__ import annotations

from functools import lru_cache

from affekt.dataset.file_names import canonical_split
from affekt.dataset.labels import canonical_label
from affekt.errors import DataError
from affekt.extensions.layout import FileFacts, LayoutSpec


def read(path: str) -> FileFacts:
    """The label is the innermost folder that names one, the split the innermost that names one.

    Folders in between (``AlignedFaces``, a root inside an archive) do not matter.
    """
    return _read_folders(path.rpartition("/")[0])


@lru_cache(maxsize=1024)
def _read_folders(path: str) -> FileFacts:
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
    return FileFacts(label=label, split=split, stranger="" if label else stranger)


SPEC = LayoutSpec(
    name="folders",
    title="one folder per label, where known below folders of splits",
    example="Train_AFEW/Angry/012345678.avi",
    read_path=read,
    order=10,
)
