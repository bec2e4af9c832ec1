"""Classifiers in one safetensors file whose digest is checked before it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from affekt.classifiers.linear import LinearSoftmax
from affekt.classifiers.person import PersonClassifier
from affekt.classifiers.stored import ArrayClassifier
from affekt.classifiers.svc import CalibratedSvc
from affekt.classifiers.trees import TreeEnsemble
from affekt.errors import DataError

#: The kinds of classifier by the name under which they are stored.
KINDS: dict[str, type[ArrayClassifier]] = {
    "trees": TreeEnsemble,
    "svc": CalibratedSvc,
    "softmax": LinearSoftmax,
    "person": PersonClassifier,
}


def save_classifiers(
    path: Path,
    classifiers: Mapping[str, ArrayClassifier],
    more: Mapping[str, type[ArrayClassifier]] = MappingProxyType({}),
) -> str:
    """Write named classifiers as safetensors and return the file's SHA-256 in hexadecimal digits.

    ``more`` names kinds of classifier besides those of this package.
    """
    kinds = {kind: name for name, kind in {**KINDS, **more}.items()}
    tensors = {
        # not ascontiguousarray, which would turn a scalar into a row
        f"{name}|{kinds[type(classifier)]}|{field}": np.array(array, order="C")
        for name, classifier in classifiers.items()
        for field, array in classifier.arrays().items()
    }
    content = save(tensors)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_classifiers(
    path: Path, sha256: str, more: Mapping[str, type[ArrayClassifier]] = MappingProxyType({})
) -> dict[str, ArrayClassifier]:
    """The classifiers that :func:`save_classifiers` wrote; ``more`` as there.

    Raises:
        DataError: the file is missing, is not the one with that digest, or holds something else.
    """
    if not path.is_file():
        raise DataError("the file of the classifier is missing", code="missing", where=str(path))
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"the file is damaged or was changed: expected the SHA-256 {sha256[:12]}…, found {found[:12]}…; "
            "get it again from where the model came from",
            code="damaged",
            where=str(path),
        )
    parts: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    kinds = {**KINDS, **more}
    try:
        for key, array in load(content).items():
            name, kind, field = key.split("|")
            parts.setdefault((name, kind), {})[field] = array
        return {name: kinds[kind].from_arrays(arrays) for (name, kind), arrays in parts.items()}
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"holds no classifiers of this version ({error})", code="unreadable", where=str(path)
        ) from error
