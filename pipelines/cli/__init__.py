"""The command line: what every command takes, and how errors become exit codes.

Only this file is imported for ``--help``; a command's module is imported when it runs.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence

from affekt.errors import UsageError
from affekt.extensions import extension_names, model_names, model_specs, only_images
from affekt.pipelines.cli.parser import Parser, ShowVersion, add_loudness
from affekt.pipelines.cli.running import ended, run_command
from affekt.pipelines.cli.schedule_arguments import add_schedule_actions
from affekt.pipelines.cli.submit_arguments import add_submit_arguments
from affekt.pretrained.catalogue import CATALOGUE, LAYOUTS

_DATA = (
    f"a folder (with a manifest.csv, or laid out as one of {', '.join(extension_names('layout'))}) or a CSV file; "
    "local or s3://"
)
_REF = "a registered model, name@champion or name/7, or a folder (default: affekt@champion)"


def main() -> None:
    """The command ``affekt``: run it and exit with its code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may stand at the cursor
        from affekt.pipelines.cli.completion import complete  # for the shell alone

        complete(build_parser())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be text
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; here all errors end, each as one sentence, and with ``--json`` also as one document.

    Returns:
        0 done; 1 the input or the outcome is wrong; 2 wrong usage; 130 interrupted.

    Raises:
        SystemExit: the parser showed help (0), or refused the arguments (2).
    """
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
    except UsageError as error:
        raise SystemExit(ended(error, as_json="--json" in arguments)) from None
    if not getattr(options, "module", None):
        parser.print_help()
        return 2
    return run_command(options)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(
        prog="affekt",
        description="Train, promote and serve models that tell the emotion of a person in a video clip.",
        epilog="State lives below $AFFEKT_HOME (default .affekt). 'affekt COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action=ShowVersion, help="show the version and the revision, and end")
    add_loudness(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, summary: str, reads: Sequence[str] = ()) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        added.set_defaults(module=name, reads=reads)
        add_loudness(added)
        return added

    demo = command("demo", "sample clips -> pipeline -> registry -> TorchServe -> an answer")
    demo.add_argument("--clips-per-label", type=_positive, default=6, metavar="N", help="sample clips (default 6)")

    sample = command("sample", "write labelled sample clips for a try; figures on them say nothing about accuracy")
    sample.add_argument("folder", metavar="DIR")
    sample.add_argument("--clips-per-label", type=_positive, default=6, metavar="N", help="(default 6)")
    sample.add_argument("--seed", type=int, default=0, help="(default 0)")

    check = command("check", "validate a data set and tell everything that is wrong with it; exit 1 on errors")
    check.add_argument("data", metavar="DATA", help=_DATA)
    _json(check)

    from_images = " and the ".join(spec.short for spec in model_specs().values() if spec.learns_from_images)
    train = command(
        "train", "train the ensemble, register it, and let the gate decide whether it becomes the champion",
        reads=("data", "faces"),
    )  # fmt: skip
    train.add_argument("data", metavar="DATA", help=f"{_DATA}; with {only_images()} also labelled face images")
    train.add_argument(
        "--faces", default="", metavar="DIR", help=f"labelled face images to train the {from_images} on as well"
    )
    train.add_argument("--preset", default="small", choices=("small", "paper"), help="(default small)")
    train.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides",
        help="override a setting, for example vgg.iterations=300; may be repeated",
    )  # fmt: skip
    train.add_argument(
        "--runner", default="local", choices=("local", "docker", "cluster"),
        help="processes of this machine, containers of the image AFFEKT_IMAGE, or the cluster at KFP_ENDPOINT "
        "(default local)",
    )  # fmt: skip
    train.add_argument("--only", choices=model_names(), help="train and register this model alone")
    train.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    train.add_argument(
        "--protocol", type=_protocol, metavar="P",
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
        help="train only if it is worth while, and otherwise say why not and end well: new_clips=20, new_subjects=2 or "
        "days=90 (age of the champion); may be repeated, any of them is enough; clips without a label are then left "
        "out and not refused",
    )  # fmt: skip
    _json(train)

    evaluate = command("evaluate", "score labelled clips with a registered model", reads=("data",))
    evaluate.add_argument("data", metavar="DATA", help=f"{_DATA}; or labelled face images")
    evaluate.add_argument("--split", help="only this split (default: all clips)")
    evaluate.add_argument("--model", default="affekt@champion", metavar="REF", help=_REF)
    evaluate.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the evaluation as JSON to FILE, or to standard output",
    )
    evaluate.add_argument("--report", metavar="FILE", help="write the report, as of a training, as an HTML page")

    predict = command("predict", "tell the emotion in clips: one answer per file, in order")
    predict.add_argument(
        "files", nargs="+", metavar="FILE|DIR",
        help="a file, a folder, a pattern, s3://, @LIST for a file with a name a line, or - for standard input",
    )  # fmt: skip
    predict.add_argument("--model", metavar="REF", help=_REF)
    predict.add_argument(
        "--url", help="ask a running server (as 'affekt serve' prints it) instead of loading the model"
    )
    predict.add_argument(
        "--same-person", action="store_true",
        help="the files show one person, in several emotions: adapt the answers among them; not with --url",
    )  # fmt: skip
    predict.add_argument(
        "--person", metavar="WHO", type=_who,
        help="who is analysed where several people are seen: left, right, largest, longest, or a number counted from "
        "the left (default: who is seen longest, largest and most central)",
    )  # fmt: skip
    predict.add_argument(
        "--every", type=float, metavar="SECONDS",
        help="answer long videos in windows of so many seconds, and write a page with the timeline beside each",
    )  # fmt: skip
    predict.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides",
        help="another limit, for example media.max_seconds=600; may be repeated",
    )  # fmt: skip
    predict.add_argument(
        "--thumbnails", metavar="DIR", help="write the analysed face of each answer into this folder, as JPEG"
    )
    predict.add_argument("--csv", action="store_true", help="print a table, one row an answer, and nothing else")
    _json(predict)

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
    fuse.add_argument("--seed", type=int, default=0, help="(default 0)")
    _json(fuse)

    models = command("models", "list registered models, promote one, go back to an earlier one, hand one on")
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all versions with their aliases and figures")
    _json(listing)
    promote = actions.add_parser("promote", help="make a version the champion")
    promote.add_argument("ref", metavar="REF", help="name/version")
    promote.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    back = actions.add_parser("rollback", help="make the previous champion the champion again")
    back.add_argument("--to", metavar="VERSION", type=_positive, help="a version instead of the previous champion")
    back.add_argument("--name", default="affekt", help="(default affekt)")
    back.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    past = actions.add_parser("history", help="who became champion when, why, and in whose place")
    past.add_argument("name", nargs="?", default="affekt", metavar="NAME", help="(default affekt)")
    _json(past)
    exporting = actions.add_parser("export", help="write a model as one file to hand on; prints its SHA-256")
    exporting.add_argument("ref", metavar="REF", help=_REF)
    exporting.add_argument("file", metavar="FILE", help="that is written, for example affekt.zip")
    bringing = actions.add_parser("import", help="register a file that 'models export' wrote; it becomes a challenger")
    bringing.add_argument("file", metavar="FILE")
    bringing.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    bringing.add_argument("--sha256", metavar="DIGEST", help="that the file must have")
    chosen = {"list": listing, "promote": promote, "rollback": back, "history": past}
    chosen |= {"export": exporting, "import": bringing}
    for action, parsed in chosen.items():
        parsed.set_defaults(action=action)
        add_loudness(parsed)
    bringing.set_defaults(reads=("file",))

    gate = command("gate", "what the gate could find on a data set, before training", reads=("data",))
    questions = gate.add_subparsers(title="actions", metavar="ACTION", required=True)
    asked = questions.add_parser("power", help="how often a gain would be found with the clips that would decide")
    asked.add_argument("data", metavar="DATA", help=_DATA)
    asked.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    asked.add_argument("--preset", default="small", choices=("small", "paper"), help="(default small)")
    asked.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides",
        help="the training's override of a setting, for example gate.decisions=12; may be repeated",
    )  # fmt: skip
    asked.add_argument(
        "--disagreement", type=_positive, default=30, metavar="N",
        help="of 100 clips, those that just one of champion and challenger gets right (default 30)",
    )  # fmt: skip
    _json(asked)
    asked.set_defaults(action="power")
    add_loudness(asked)

    checkpoints = ", ".join(entry.name for entry in CATALOGUE)
    weights = command("weights", "list, fetch, import and verify published checkpoints that training can start from")
    kept = weights.add_subparsers(title="actions", metavar="ACTION", required=True)
    here = kept.add_parser("list", help="known checkpoints, and which of them are here")
    _json(here)
    fetching = kept.add_parser("fetch", help="get a checkpoint from where it is published, or from another place")
    fetching.add_argument("checkpoint", metavar="NAME", help=f"one of {checkpoints}")
    fetching.add_argument("--from", dest="source", metavar="URI", help="https://, s3:// or a file")
    fetching.add_argument("--sha256", metavar="DIGEST", help="that the file must have")
    importing = kept.add_parser("import", help="keep a file: PyTorch, safetensors, or exported from Caffe or Torch7")
    importing.add_argument("file", metavar="FILE")
    importing.add_argument(
        "--as", dest="checkpoint", required=True, metavar="CHECKPOINT", help=f"what it holds, one of {checkpoints}"
    )
    importing.add_argument("--layout", choices=LAYOUTS, help="(default: told by its names)")
    importing.add_argument("--name", help="to keep it under (default: the checkpoint's)")
    verifying = kept.add_parser("verify", help="check digests and layers; exit 1 when anything differs")
    verifying.add_argument("checkpoint", nargs="?", metavar="NAME|FILE", help="(default: all that are here)")
    for action, parsed in (("list", here), ("fetch", fetching), ("import", importing), ("verify", verifying)):
        parsed.set_defaults(action=action)
        add_loudness(parsed)
    fetching.set_defaults(reads=("source",))
    importing.set_defaults(reads=("file",))

    serve = command("serve", "answer requests on this machine with a registered model until interrupted")
    serve.add_argument("--port", type=_port, default=8080, help="on 127.0.0.1 (default 8080)")
    serve.add_argument("--model", default="affekt@champion", metavar="REF", help=_REF)
    serve.add_argument(
        "--engine", choices=("torchserve", "direct"), default="torchserve",
        help="what computes answers: TorchServe, or worker processes without Java (default torchserve)",
    )  # fmt: skip
    serve.add_argument(
        "--workers", type=_positive, metavar="N",
        help="worker processes of one thread, each with the model (default: as many as cores and memory allow)",
    )  # fmt: skip
    serve.add_argument(
        "--bucket", action="append", default=[], metavar="NAME",
        help="of S3, from which a request may name clips as s3://NAME/...; may be repeated",
    )  # fmt: skip

    deploy = command("deploy", "put a registered version into a running server without losing a request")
    deploy.add_argument("--url", default="http://127.0.0.1:8080", help="of the server (default http://127.0.0.1:8080)")
    deploy.add_argument("--model", default="affekt@champion", metavar="REF", help="name@champion or name/7")

    settings = command("settings", "every setting: value, origin, default of each preset, limits and meaning")
    settings.add_argument("key", nargs="?", default="", metavar="KEY", help="a setting, a group, or how keys begin")
    settings.add_argument("--preset", default="small", choices=("small", "paper"), help="(default small)")
    settings.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides",
        help="show the value with this override; may be repeated",
    )  # fmt: skip
    _json(settings)

    pipeline = command("pipeline", "the training pipeline as a file, or handed to a cluster")
    parts = pipeline.add_subparsers(title="actions", metavar="ACTION", required=True)
    compiled = parts.add_parser("compile", help="write the pipeline as YAML for Kubeflow Pipelines")
    compiled.add_argument(
        "--out", default="affekt-training.yaml", metavar="FILE", help="(default affekt-training.yaml)"
    )
    compiled.add_argument("--only", choices=model_names(), help="train this model alone")
    submitted = parts.add_parser("submit", help="hand a training to the Kubeflow Pipelines at KFP_ENDPOINT")
    add_submit_arguments(submitted, _DATA)
    for action, parsed in (("compile", compiled), ("submit", submitted)):
        parsed.set_defaults(action=action)
        add_loudness(parsed)

    add_schedule_actions(command("schedule", "train again by the clock, as a file says"))

    doctor = command("doctor", "what works here, and how to get what is missing; exit 1 where training needs it")
    _json(doctor)

    completion = command("completion", "a script that completes commands, options, models and settings in a shell")
    completion.add_argument(
        "shell", choices=("bash", "zsh", "fish"),
        help='for bash and zsh: eval "$(affekt completion bash)"; for fish: affekt completion fish | source',
    )  # fmt: skip
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _protocol(text: str) -> str:
    if not re.fullmatch(r"fixed|three_splits|leave_one_subject_out|folds:([2-9]|[1-9]\d+)", text):
        raise argparse.ArgumentTypeError(
            f"expected fixed, three_splits, leave_one_subject_out or folds:K with K from 2 on, got {text}"
        )
    return text


def _who(text: str) -> str:
    if not re.fullmatch(r"prominent|left|right|largest|longest|[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"expected left, right, largest, longest or a number from 1 on, got {text}")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text}")
    return int(text)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text}")
    return value
