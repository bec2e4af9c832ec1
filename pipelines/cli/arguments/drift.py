"""Arguments of ``affekt drift``."""

from __future__ import annotations

from affekt.pipelines.cli.arguments.kinds import REF, AddCommand, add_json, positive, share


def add_drift(command: AddCommand) -> None:
    """``affekt drift``."""
    drift = command(
        "drift", "whether what a model is asked about is still what it learned from; exit 3 where it is not"
    )  # fmt: skip
    drift.add_argument("model", nargs="?", default="affekt@champion", metavar="REF", help=REF)
    drift.add_argument(
        "--records", metavar="DIR", help="what servers kept, a folder or s3:// (default: the variable AFFEKT_RECORDS)"
    )
    drift.add_argument("--since", metavar="WHEN", help="answers since then: 12h, 7d, 4w, or a date (default: all)")
    drift.add_argument("--until", metavar="WHEN", help="answers before then")
    drift.add_argument(
        "--before", action="store_true", help="compare with the answers before --since instead of the training"
    )
    drift.add_argument("--every", type=positive, metavar="DAYS", help="compare each so many days by themselves")
    drift.add_argument(
        "--level", type=share, default=0.01, metavar="P",
        help="probability of an alarm without drift, at most, over all that is compared (default 0.01)",
    )  # fmt: skip
    drift.add_argument(
        "--least", type=share, default=0.1, metavar="D",
        help="least distance that counts, between the distributions of a number or the shares of a word (default 0.1)",
    )  # fmt: skip
    drift.add_argument("--report", metavar="FILE", help="write the comparison as an HTML page")
    add_json(drift)
