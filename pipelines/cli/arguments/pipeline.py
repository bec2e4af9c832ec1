"""Arguments of ``affekt pipeline``."""

from __future__ import annotations

import argparse

from affekt.extensions import model_names
from affekt.pipelines.cli.arguments.kinds import (
    DATA,
    Actions,
    AddCommand,
    add_json,
    add_overrides,
    add_preset,
    positive,
)


def add_pipeline(command: AddCommand) -> None:
    """``affekt pipeline``."""
    parts = Actions(command("pipeline", "the pipelines as files, or a training handed to a cluster"))
    compiled = parts.add("compile", "write a pipeline as YAML for Kubeflow Pipelines")
    compiled.add_argument(
        "which", nargs="?", default="training", choices=("training", "scoring"), metavar="training|scoring",
        help="training (the default), or scoring: many clips into one table",
    )  # fmt: skip
    compiled.add_argument("--out", metavar="FILE", help="(default affekt-training.yaml or affekt-scoring.yaml)")
    compiled.add_argument("--only", choices=model_names(), metavar="MODEL,…", help="train and fuse these models alone")
    _add_profile(compiled)
    submitted = parts.add("submit", "hand a training to the Kubeflow Pipelines at KFP_ENDPOINT")
    _add_submit(submitted)


def _add_submit(submitted: argparse.ArgumentParser) -> None:
    submitted.add_argument("data", metavar="DATA", help=f"{DATA}; as the pods see it")
    submitted.add_argument("--faces", default="", metavar="DIR", help="labelled face images, as the pods see them")
    add_preset(submitted)
    add_overrides(submitted, "override a setting, for example vgg.iterations=300")
    submitted.add_argument("--only", choices=model_names(), metavar="MODEL,…", help="train and fuse these models alone")
    submitted.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    submitted.add_argument(
        "--pipeline-root", default="", metavar="S3", help="where artifacts go (default: as the installation says)"
    )
    submitted.add_argument(
        "--clips-per-shard", type=positive, metavar="N", help="clips that one task prepares (default: 256)"
    )
    submitted.add_argument(
        "--label", action="append", default=[], metavar="key=value", dest="labels",
        help="label of the steps' pods, for example team=speech; may be repeated",
    )  # fmt: skip
    submitted.add_argument(
        "--tag", default="", metavar="S", help="of two submissions with the same tag only the first trains"
    )
    _add_profile(submitted)
    add_json(submitted)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", default="gpu", metavar="P",
        help="what steps ask of the cluster: cpu, gpu, multi-gpu, multi-node, spot, or a YAML file (default gpu)",
    )  # fmt: skip
