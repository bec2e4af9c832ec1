"""Arguments of ``affekt serve`` and ``affekt deploy``."""

from __future__ import annotations

from affekt.pipelines.cli.arguments.kinds import REF, AddCommand, port, positive


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


def add_deploy(command: AddCommand) -> None:
    """``affekt deploy``."""
    deploy = command("deploy", "put a registered version into a running server without losing a request")
    deploy.add_argument("--url", default="http://127.0.0.1:8080", help="of the server (default http://127.0.0.1:8080)")
    deploy.add_argument("--model", default="affekt@champion", metavar="REF", help="name@champion or name/7")
