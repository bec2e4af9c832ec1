"""One folder per label, with folders of splits above or below: AFEW, FER2013 and most sets that somebody sorted."""

from __future__ import annotations

from functools import lru_cache

from affekt.dataset.labels import known_label
from affekt.dataset.split_names import canonical_split
from affekt.extensions.layout import FileFacts, LayoutSpec


def read(path: str) -> FileFacts:
    """The label is the folder that names one, the split the folder that names one, at any depth.

    Folders in between (``AlignedFaces``, a root inside an archive) do not matter. Where folders name two different
    labels, or two splits, none is told, and both readings are.
    """
    return _read_folders(path.rpartition("/")[0])


@lru_cache(maxsize=1024)
def _read_folders(path: str) -> FileFacts:
    labels: dict[str, str] = {}  # what is told, and by which folder
    splits: dict[str, str] = {}
    stranger = ""
    for folder in reversed(path.split("/")):
        if found := canonical_split(folder):
            splits.setdefault(found, folder)
            continue
        if label := known_label(folder):
            labels.setdefault(label, folder)
        else:
            # Above the split stand the names of the data set and of who made it.
            stranger = stranger or ("" if splits else folder)
    return FileFacts(
        label=labels[known] if (known := _only(labels)) else "",
        split=_only(splits),
        stranger="" if labels else stranger,
        fault=_ambiguous("label", labels) or _ambiguous("split", splits),
    )


def _only(found: dict[str, str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""


def _ambiguous(what: str, found: dict[str, str]) -> tuple[str, str] | None:
    if len(found) < 2:
        return None
    readings = " and as ".join(f"{value!r} (by {folder!r})" for value, folder in reversed(found.items()))
    return (
        f"{what}_conflict",
        f"its {what} can be read as {readings}; rename one of the folders, or list the files in a manifest.csv",
    )


SPEC = LayoutSpec(
    name="folders",
    title="one folder per label, where known below folders of splits",
    example="Train_AFEW/Angry/012345678.avi",
    read_path=read,
    order=10,
)
