"""The data set of a training as MLflow's input of its run: name, digest, counts, splits and labels."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from affekt.dataset.several import BETWEEN, names_of, places_of
from affekt.media import PreparedIndex
from affekt.registry.tracking import Tracking

#: The tag of a run that says where its data are.
DATA = "affekt.data"


def log_dataset(tracking: Tracking, run_id: str, index: PreparedIndex) -> None:
    """Tell the run what it learns from and is evaluated on.

    Args:
        tracking: where the run is.
        run_id: of the run; its tag ``affekt.data`` says where the data are.
        index: the clips or images that can be used.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag  # heavy: MLflow

    source = data_of(tracking, run_id)
    splits = Counter(row.split for row in index)
    profile = {
        index.unit: len(index),
        "subjects": len({row.subject for row in index if row.subject}),
        "splits": dict(splits),
        "labels": {label: sum(row.label == label for row in index) for label in index.labels},
        "skipped": len(index.skipped),
    }
    schema = {"mlflow_colspec": [{"type": "string", "name": name} for name in ("clip", "label", "subject", "split")]}
    found = Dataset(
        name=name_of(source),
        digest=dataset_digest(index),
        source_type="s3" if source.startswith("s3://") else "local",
        source=json.dumps({"uri": source}),
        schema=json.dumps(schema),
        profile=json.dumps(profile),
    )
    context = "+".join(split for split in ("train", "val", "test") if split in splits)
    tracking.client.log_inputs(run_id, datasets=[DatasetInput(found, [InputTag("mlflow.data.context", context)])])


def data_of(tracking: Tracking, run_id: str) -> str:
    """Where the data of a run are, as it was told; empty where it was not."""
    return str(tracking.client.get_run(run_id).data.tags.get(DATA, "")) if run_id else ""


def name_of(source: str) -> str:
    """What a data set is called: the last part of its place; of several, all their names."""
    paths = [urlsplit(place).path for place in places_of(source)]
    if len(paths) > 1:
        return BETWEEN.join(names_of(paths))
    return PurePosixPath(paths[0]).name or "data"


def dataset_digest(index: PreparedIndex) -> str:
    """16 hexadecimal digits of the contents, labels, subjects and splits of a data set, in any order."""
    rows = sorted([row.key.partition("-")[0], row.label, row.subject, row.split] for row in index)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
