"""Which still images train and which evaluate, where their source does not say; copies of an image stay together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from affekt.counted import counted
from affekt.dataset.clips import ClipTable
from affekt.dataset.faces import FaceImage
from affekt.dataset.splits import assign_splits, below, place
from affekt.errors import DataError

logger = logging.getLogger(__name__)


def assign_image_splits(
    images: Sequence[FaceImage], digests: Sequence[str], *, val_share: float, seed: int
) -> list[FaceImage]:
    """Give every image without a split one, ``train`` or ``val``; named splits stay.

    Of the images without a split those go to ``val`` whose content stands below ``val_share``, as subjects do in
    :func:`affekt.dataset.assign_splits`, unless the source names a ``val`` split itself; of a label with two images one
    at least is on either side. So no image moves when others are added, but for one that was alone on its side.
    Images with exactly the same content count as one, and follow a copy whose split is named. Where the source names
    subjects, whole subjects are divided.

    Args:
        images: N of them.
        digests: of the content of each.
        val_share: of the images without a split.
        seed: of the choice.

    Raises:
        DataError: ``no_train`` or ``no_val``: no image is left to train or to evaluate on; ``one_label``: all images
            have the same label.
    """
    if all(image.split for image in images):
        return _checked(images)
    keys = [image.subject or digest for image, digest in zip(images, digests, strict=True)]
    if any(image.subject for image in images):
        clips = (replace(image.as_clip(), subject=key) for image, key in zip(images, keys, strict=True))
        table = assign_splits(ClipTable(tuple(clips)), val_share=val_share, seed=seed, allow_shared_subjects=True)
        return _checked([replace(image, split=clip.split) for image, clip in zip(images, table, strict=True)])
    given: dict[str, str] = {}
    free: dict[str, dict[str, None]] = {}
    for image, key in zip(images, keys, strict=True):
        if image.split:
            given.setdefault(key, image.split)
    seen: set[str] = set(given)
    for image, key in zip(images, keys, strict=True):
        if key not in seen:  # copies with several labels count with the first
            free.setdefault(image.label, {})[key] = None
            seen.add(key)
    if "val" not in given.values():
        for label, group in free.items():
            ordered = sorted(group, key=lambda key: (place(key, seed), key))
            chosen = len(below(ordered, val_share, seed))
            take = min(max(1, chosen), len(ordered) - 1)
            if take > chosen:
                logger.warning(
                    "by their contents and seed=%d no image of %s would be in val (val_share=%g): one stands in there, "
                    "and may move when images are added",
                    seed, label, val_share,
                )  # fmt: skip
            given |= dict.fromkeys(ordered[:take], "val")
    return _checked(
        [replace(image, split=image.split or given.get(key, "train")) for image, key in zip(images, keys, strict=True)]
    )


def repeated_across_splits(images: Sequence[FaceImage], digests: Sequence[str]) -> int:
    """How many images outside of ``train`` have exactly the content of one in it."""
    learned = {digest for image, digest in zip(images, digests, strict=True) if image.split == "train"}
    return sum(image.split != "train" and digest in learned for image, digest in zip(images, digests, strict=True))


def _checked(images: Sequence[FaceImage]) -> list[FaceImage]:
    labels = {image.label for image in images if image.label}
    if len(labels) < 2:
        raise DataError(
            f"all of {counted(len(images), 'images')} show {'/'.join(labels) or 'no label'}; "
            "a model needs two labels to tell apart",
            code="one_label",
        )
    splits = {image.split for image in images if image.label}
    if "train" not in splits:
        raise DataError(
            f"no image is in the split train, only in {', '.join(sorted(splits))}; there is nothing to learn from",
            code="no_train",
        )
    if not splits & {"val", "test"}:
        raise DataError(
            "all images are in the split train, so none is left to evaluate on; name a split val or test for some of "
            "them, or no split at all to have one chosen",
            code="no_val",
        )
    return list(images)
