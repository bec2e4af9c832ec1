"""Arguments of ``affekt train``."""

from __future__ import annotations

from affekt.extensions import model_names, model_specs, only_images
from affekt.pipelines.cli.arguments.kinds import (
    DATA,
    AddCommand,
    add_data,
    add_json,
    add_overrides,
    add_preset,
    protocol,
    server_url,
)


def add_train(command: AddCommand) -> None:
    """``affekt train``."""
    from_images = " and the ".join(spec.short for spec in model_specs().values() if spec.learns_from_images)
    train = command(
        "train", "train the ensemble, register it, and let the gate decide whether it becomes the champion",
        reads=("data", "further", "faces"),
    )  # fmt: skip
    add_data(train, f"{DATA}; with {only_images()} also labelled face images")
    train.add_argument(
        "--faces", default="", metavar="DIR", help=f"labelled face images to train the {from_images} on as well"
    )
    add_preset(train)
    add_overrides(train, "override a setting, for example vgg.iterations=300")
    train.add_argument(
        "--runner", default="local", choices=("local", "docker", "cluster"),
        help="processes of this machine, containers of the image AFFEKT_IMAGE, or the cluster at KFP_ENDPOINT "
        "(default local)",
    )  # fmt: skip
    train.add_argument(
        "--only", choices=model_names(), metavar="MODEL,…",
        help=f"train, fuse and register these models alone, of {', '.join(model_names())}",
    )  # fmt: skip
    train.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    train.add_argument(
        "--protocol", type=protocol, metavar="P",
        help="evaluate the method instead, and register nothing: fixed (the data's own splits), three_splits, "
        "leave_one_subject_out or folds:K (K folds of the subjects); trains once a fold and pools the answers",
    )  # fmt: skip
    train.add_argument(
        "--fresh", action="store_true",
        help="start anew; without it, an interrupted training of the same data, settings and code goes on behind the "
        "steps that are done",
    )  # fmt: skip
    train.add_argument(
        "--when", action="append", default=[], metavar="key=N",
        help="train only if it is worth while, and otherwise say why not and end well: new_clips=20, new_subjects=2, "
        "days=90 (age of the champion) or drift=RECORDS (what servers kept, and one new clip); may be repeated, any of "
        "them is enough; clips without a label are then left out and not refused",
    )  # fmt: skip
    train.add_argument(
        "--deploy", type=server_url, metavar="URL",
        help="a server that affekt serve started on this machine: it answers with the version as soon as the gate has "
        "promoted it",
    )  # fmt: skip
    add_json(train)
