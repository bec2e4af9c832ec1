"""Arguments of ``affekt models``, ``affekt gate`` and ``affekt weights``."""

from __future__ import annotations

from affekt.pipelines.cli.arguments.kinds import (
    DATA,
    REF,
    Actions,
    AddCommand,
    add_json,
    add_overrides,
    add_preset,
    of_hundred,
    positive,
    sha256,
)
from affekt.pretrained.catalogue import CATALOGUE, LAYOUTS


def add_models(command: AddCommand) -> None:
    """``affekt models``."""
    actions = Actions(command("models", "list registered models, promote one, go back to an earlier one, hand one on"))
    listing = actions.add("list", "all versions with their aliases and figures")
    add_json(listing)
    showing = actions.add("show", "why a version is or is not the champion: the decision, in words and drawn")
    showing.add_argument("ref", metavar="REF", help="name/version, or name@champion")
    add_json(showing)
    promote = actions.add("promote", "make a version the champion")
    promote.add_argument("ref", metavar="REF", help="name/version")
    promote.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    back = actions.add("rollback", "make the previous champion the champion again")
    back.add_argument("--to", metavar="VERSION", type=positive, help="a version instead of the previous champion")
    back.add_argument("--name", default="affekt", help="(default affekt)")
    back.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    past = actions.add("history", "who became champion when, why, and in whose place")
    past.add_argument("name", nargs="?", default="affekt", metavar="NAME", help="(default affekt)")
    add_json(past)
    exporting = actions.add("export", "write a model as one file to hand on; prints its SHA-256")
    exporting.add_argument("ref", metavar="REF", help=REF)
    exporting.add_argument("file", metavar="FILE", help="that is written, for example affekt.zip")
    bringing = actions.add(
        "import", "register a file that 'models export' wrote; it becomes a challenger", reads=("file",)
    )
    bringing.add_argument("file", metavar="FILE")
    bringing.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    bringing.add_argument("--sha256", type=sha256, metavar="DIGEST", help="that the file must have")


def add_gate(command: AddCommand) -> None:
    """``affekt gate``."""
    questions = Actions(command("gate", "what the gate could find on a data set, before training", reads=("data",)))
    asked = questions.add("power", "how often a gain would be found with the clips that would decide")
    asked.add_argument("data", metavar="DATA", help=DATA)
    asked.add_argument("--name", default="affekt", help="name in the registry (default affekt)")
    add_preset(asked)
    add_overrides(asked, "the training's override of a setting, for example gate.decisions=12")
    asked.add_argument(
        "--disagreement", type=of_hundred, metavar="N",
        help="of 100 clips, those that just one of champion and challenger gets right (default 30)",
    )  # fmt: skip
    add_json(asked)


def add_weights(command: AddCommand) -> None:
    """``affekt weights``."""
    checkpoints = ", ".join(entry.name for entry in CATALOGUE)
    kept = Actions(
        command("weights", "list, fetch, import and verify published checkpoints that training can start from")
    )
    here = kept.add("list", "known checkpoints, and which of them are here")
    add_json(here)
    fetching = kept.add(
        "fetch", "get a checkpoint from where it is published, or from another place", reads=("source",)
    )
    fetching.add_argument("checkpoint", metavar="NAME", help=f"one of {checkpoints}")
    fetching.add_argument("--from", dest="source", metavar="URI", help="https://, s3:// or a file")
    fetching.add_argument("--sha256", type=sha256, metavar="DIGEST", help="that the file must have")
    importing = kept.add(
        "import", "keep a file: PyTorch, safetensors, or exported from Caffe or Torch7", reads=("file",)
    )
    importing.add_argument("file", metavar="FILE")
    importing.add_argument(
        "--as", dest="checkpoint", required=True, metavar="CHECKPOINT", help=f"what it holds, one of {checkpoints}"
    )
    importing.add_argument("--layout", choices=LAYOUTS, help="(default: told by its names)")
    importing.add_argument("--name", help="to keep it under (default: the checkpoint's)")
    verifying = kept.add("verify", "check digests and layers; exit 1 when anything differs")
    verifying.add_argument("checkpoint", nargs="?", metavar="NAME|FILE", help="(default: all that are here)")
