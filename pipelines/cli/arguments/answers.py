"""Arguments of the commands that ask models: ``evaluate``, ``predict``, ``score``, ``fuse``."""

from __future__ import annotations

from affekt.extensions import extension_names
from affekt.pipelines.cli.arguments.kinds import (
    DATA,
    REF,
    AddCommand,
    add_data,
    add_json,
    add_labels,
    add_overrides,
    positive,
    seconds,
    server_url,
    who,
    whole,
)


def add_evaluate(command: AddCommand) -> None:
    """``affekt evaluate``."""
    evaluate = command("evaluate", "score labelled clips with a registered model", reads=("data", "further"))
    add_data(evaluate, f"{DATA}; or labelled face images")
    evaluate.add_argument("--split", help="only this split (default: all clips)")
    evaluate.add_argument("--model", default="affekt@champion", metavar="REF", help=REF)
    add_labels(evaluate)
    evaluate.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the evaluation as JSON to FILE, or to standard output",
    )
    evaluate.add_argument("--report", metavar="FILE", help="write the report, as of a training, as an HTML page")


def add_predict(command: AddCommand) -> None:
    """``affekt predict``."""
    predict = command("predict", "tell the emotion in clips: one answer per file, in order")
    predict.add_argument(
        "files", nargs="+", metavar="FILE|DIR",
        help="a file, a folder, a pattern, s3://, @LIST for a file with a name a line, or - for standard input",
    )  # fmt: skip
    predict.add_argument("--model", metavar="REF", help=REF)
    predict.add_argument(
        "--url",
        type=server_url,
        help="ask a running server (as 'affekt serve' prints it) instead of loading the model; its key is read from "
        "AFFEKT_KEY",
    )
    predict.add_argument(
        "--same-person", action="store_true",
        help="the files show one person, in several emotions: adapt the answers among them; not with --url",
    )  # fmt: skip
    predict.add_argument(
        "--person", metavar="WHO", type=who,
        help="who is analysed where several people are seen: left, right, largest, longest, or a number counted from "
        "the left (default: who is seen longest, largest and most central)",
    )  # fmt: skip
    predict.add_argument(
        "--every", type=seconds, metavar="SECONDS",
        help="answer long videos in windows of so many seconds, and write a page with the timeline beside each",
    )  # fmt: skip
    add_labels(predict)
    add_overrides(predict, "another limit, for example media.max_seconds=600")
    predict.add_argument(
        "--thumbnails", metavar="DIR", help="write the analysed face of each answer into this folder, as JPEG"
    )
    predict.add_argument("--csv", action="store_true", help="print a table, one row an answer, and nothing else")
    add_json(predict)


def add_score(command: AddCommand) -> None:
    """``affekt score``."""
    score = command("score", "score many clips into one table: a row each, going on where it was ended")
    score.add_argument(
        "files", nargs="+", metavar="SOURCE",
        help="a folder, a file, a pattern, s3://, @LIST for a file with a name a line, or - for standard input",
    )  # fmt: skip
    score.add_argument(
        "--out", required=True, metavar="TABLE",
        help="a name that ends in .parquet or .csv, local or s3://; what is not done yet lies beside it in TABLE.parts",
    )  # fmt: skip
    score.add_argument("--model", metavar="REF", help=REF)
    score.add_argument(
        "--url",
        type=server_url,
        help="ask a running server instead of loading the model; its key is read from AFFEKT_KEY",
    )
    score.add_argument(
        "--at-once", type=positive, metavar="N", help="clips that are on their way to the server together (default 4)"
    )
    add_labels(score)
    score.add_argument("--fresh", action="store_true", help="begin anew; throw away what an earlier start worked out")
    add_overrides(score, "another limit, for example media.max_seconds=600")
    add_json(score)


def add_fuse(command: AddCommand) -> None:
    """``affekt fuse``."""
    fuse = command("fuse", "fuse score tables that any models wrote", reads=("scores",))
    fuse.add_argument("scores", metavar="SCORES.csv", help="columns clip,label,subject,split and <model>_<label>")
    fuse.add_argument("--train-split", metavar="S", help="clips that trained methods are fitted on (default train)")
    fuse.add_argument("--test-split", metavar="S", help="clips that are reported (default: all others)")
    fuse.add_argument("--models", metavar="a,b", help="use only these models of the table")
    fuse.add_argument(
        "--method", default="all", help=f"all, or of {', '.join(extension_names('fusion'))} (default all)"
    )
    fuse.add_argument("--weights", metavar="a=.1,b=.2", help="weights of weighted_average")
    fuse.add_argument(
        "--adapt", choices=("person",),
        help="fuse scores that are adapted to each subject by that subject's clips, without labels",
    )  # fmt: skip
    fuse.add_argument("--out", metavar="CSV", help="write clip, prediction and fused probabilities")
    fuse.add_argument("--seed", type=whole, default=0, help="(default 0)")
    add_json(fuse)
