"""Which still images train and which judge, where their source does not say; copies of an image stay together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from affekt.dataset.clips import ClipTable
from affekt.dataset.faces import FaceImage
from affekt.dataset.splits import assign_splits
from affekt.errors import DataError


def assign_image_splits(
    images: Sequence[FaceImage], digests: Sequence[str], *, val_share: float, seed: int
) -> list[FaceImage]:
    """Give every image without a split one, ``train`` or ``val``; named splits stay.

    Of the images without a split ``val_share`` of each label go to ``val``, at least one where a label has two, unless
    the source names a ``val`` split itself. Images with exactly the same content count as one, and follow a copy whose
    split is named. Where the source names subjects, whole subjects are divided, by
    :func:`affekt.dataset.assign_splits`. The same images and seed give the same splits.

    Args:
        images: N of them.
        digests: of the content of each.
        val_share: of the images without a split.
        seed: of the choice.

    Raises:
        DataError: ``no_train`` or ``no_val``: no image is left to learn from, or to judge by; ``one_label``: all images
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
        random = np.random.default_rng(seed)
        for label in sorted(free):
            group = list(free[label])
            take = min(max(1, round(val_share * len(group))), len(group) - 1)
            given |= dict.fromkeys((group[number] for number in random.permutation(len(group))[:take]), "val")
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
            f"all {len(images)} images are {'/'.join(labels) or 'unlabelled'}; a model needs two labels to tell apart",
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
            "all images are in the split train, so that none is left to judge by; name a split val or test for some of "
            "them, or no split at all to have one chosen",
            code="no_val",
        )
    return list(images)
