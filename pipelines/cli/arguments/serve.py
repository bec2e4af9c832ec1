"""Arguments of ``affekt serve``, ``affekt keys`` and ``affekt deploy``."""

from __future__ import annotations

import argparse

from affekt.pipelines.cli.arguments.kinds import (
    REF,
    Actions,
    AddCommand,
    add_json,
    port,
    positive,
    server_url,
    times,
    whole,
)


def add_serve(command: AddCommand) -> None:
    """``affekt serve``."""
    serve = command("serve", "answer requests on this machine with a registered model until interrupted")
    serve.add_argument("--port", type=port, default=8080, help="on 127.0.0.1 (default 8080)")
    serve.add_argument("--model", default="affekt@champion", metavar="REF", help=REF)
    serve.add_argument(
        "--engine", choices=("torchserve", "direct"), default="torchserve",
        help="what computes answers: TorchServe, or worker processes without Java (default torchserve)",
    )  # fmt: skip
    serve.add_argument(
        "--workers", type=positive, metavar="N",
        help="worker processes of one thread, each with the model (default: as many as cores and memory allow)",
    )  # fmt: skip
    serve.add_argument(
        "--bucket", action="append", default=[], metavar="NAME",
        help="of S3, from which a request may name clips as s3://NAME/...; may be repeated",
    )  # fmt: skip

    serve.add_argument(
        "--follow", action="store_true", help="deploy what --model means whenever it means another version"
    )
    serve.add_argument(
        "--watch", type=positive, default=60, metavar="N",
        help="seconds for which a version that is deployed is watched, and the one before kept (default 60)",
    )  # fmt: skip
    serve.add_argument(
        "--slower", type=times, default=3.0, metavar="N",
        help="such a version is taken back where an answer takes more than N times as long as before (default 3)",
    )  # fmt: skip
    serve.add_argument(
        "--untried", action="store_true",
        help="start also where the model does not answer the clips that it carries as where it was trained",
    )  # fmt: skip
    serve.add_argument("--address", default="127.0.0.1", help="of the network (default 127.0.0.1: this machine alone)")
    serve.add_argument("--keys", metavar="FILE", help="of keys, of which a client needs one; see affekt keys")
    serve.add_argument("--without-keys", action="store_true", help="let other machines ask without a key")
    serve.add_argument(
        "--host", action="append", default=[], metavar="NAME",
        help="of this server in the Host header, any other is refused; may be repeated",
    )  # fmt: skip
    serve.add_argument(
        "--origin", action="append", default=[], metavar="URL",
        help="of a web site whose pages may ask, as https://example.org; may be repeated",
    )  # fmt: skip
    serve.add_argument(
        "--people", type=whole, default=200, metavar="N",
        help="whom callers may name at once, to get answers that are adapted to earlier clips of the same person; "
        "0 for none (default 200)",
    )  # fmt: skip
    serve.add_argument(
        "--people-minutes", type=positive, default=30, metavar="N",
        help="after the last clip of a person, until what it showed is forgotten (default 30)",
    )  # fmt: skip


def add_keys(command: AddCommand) -> None:
    """``affekt keys``."""
    summary = "the keys of clients of a server: a file of hashes, which may change while it runs"
    actions = Actions(command("keys", summary))
    adding = actions.add("add", "make a key and print it; the file keeps its hash alone")
    adding.add_argument("name", metavar="NAME", help="of whoever gets it; a key of the same name is replaced")
    adding.add_argument(
        "--per-minute", type=positive, default=600, metavar="N", help="requests that are answered (default 600)"
    )
    removing = actions.add("remove", "take a key out of the file: it holds no more")
    removing.add_argument("name", metavar="NAME", help="as it was added")
    for action in (adding, removing, actions.add("list", "the names in the file")):
        action.add_argument("--file", required=True, metavar="FILE", help="of the keys")


def add_deploy(command: AddCommand) -> None:
    """``affekt deploy``."""
    deploy = command("deploy", "put a registered version into a running server without losing a request")
    deploy.add_argument(
        "--url", type=server_url, default="http://127.0.0.1:8080", help="of the server (default http://127.0.0.1:8080)"
    )
    deploy.add_argument("--model", metavar="REF", help="name@champion or name/7 (default: affekt@champion)")
    deploy.add_argument(
        "do", nargs="?", choices=("status", "promote", "abort"),
        help="how the versions do; or end the trial of --canary or --shadow one way or the other",
    )  # fmt: skip
    deploy.add_argument(
        "--canary", type=share_of_callers, metavar="PERCENT", help="send it this share of the callers, who stay with it"
    )
    deploy.add_argument("--shadow", action="store_true", help="send it copies of requests and only compare answers")
    deploy.add_argument(
        "--trial", action="append", default=[], metavar="CLIP",
        help="that it has to answer as this process does, before anybody is sent to it (default: two sample clips)",
    )  # fmt: skip
    add_json(deploy)


def share_of_callers(text: str) -> float:
    """A percentage above 0 and below 100."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 100:
        raise argparse.ArgumentTypeError(f"expected a percentage above 0 and below 100, got {text!r}")
    return value
