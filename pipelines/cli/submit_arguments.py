"""The arguments of ``affekt pipeline submit``."""

from __future__ import annotations

import argparse

from affekt.extensions import model_names


def add_submit_arguments(submitted: argparse.ArgumentParser, data: str) -> None:
    """Add what is trained and how it is handed over."""
    submitted.add_argument("data", metavar="DATA", help=f"{data}; as the pods see it")
    submitted.add_argument("--faces", default="", metavar="DIR", help="labelled face images, as the pods see them")
    submitted.add_argument("--preset", default="small", choices=("small", "paper"), help="(default small)")
    submitted.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides",
        help="override a setting, for example vgg.iterations=300; may be repeated",
    )  # fmt: skip
    submitted.add_argument("--only", choices=model_names(), help="train and register this model alone")
    submitted.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    submitted.add_argument(
        "--pipeline-root", default="", metavar="S3", help="where artifacts go (default: as the installation says)"
    )
    submitted.add_argument(
        "--clips-per-shard", type=int, metavar="N", help="clips that one task prepares (default: 256)"
    )
    submitted.add_argument(
        "--label", action="append", default=[], metavar="key=value", dest="labels",
        help="label of the steps' pods, for example team=speech; may be repeated",
    )  # fmt: skip
    submitted.add_argument(
        "--tag", default="", metavar="S", help="of two submissions with the same tag only the first trains"
    )
    submitted.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
