"""``POST /predictions``, ``/timeline`` and ``/explanations``: a clip in, what is said of it out."""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from affekt.serving.door.desk import Desk
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Gone

__all__ = ["Gone", "routes"]


def routes(desk: Desk) -> list[Route]:
    """The addresses of what is asked about a clip."""

    async def asked(request: Request, task: dict[str, Any]) -> Response:
        version = desk.version_of(request)
        try:
            clip, person = await desk.clip_of(request)
        except ClientDisconnect:
            raise Gone from None
        if person and "kind" in task:
            clip.remove()
            raise Refusal(400, "bad_person", "answers of /predictions alone are adapted to a person; leave it out")
        status, document = await desk.reply(request, version, clip, task, person)
        return JSONResponse(document, status)

    async def predict(request: Request) -> Response:
        return await asked(request, _labels(request))

    async def timeline(request: Request) -> Response:
        return await asked(request, {"kind": "timeline", **_numbers(request, every=float), **_labels(request)})

    async def explain(request: Request) -> Response:
        label = request.query_params.get("label")
        task = {"kind": "explanations", **_numbers(request, frames=int), **({"label": label} if label else {})}
        return await asked(request, task)

    return [
        Route("/predictions/{model}", predict, methods=["POST"]),
        Route("/predictions/{model}/{version}", predict, methods=["POST"]),
        Route("/timeline/{model}", timeline, methods=["POST"]),
        Route("/explanations/{model}", explain, methods=["POST"]),
    ]


def _labels(request: Request) -> dict[str, list[str]]:
    """The labels that can be right, where a query names some: ``labels=happy,sad``."""
    text = request.query_params.get("labels", "")
    return {"labels": text.split(",")} if text else {}


def _numbers(request: Request, **kinds: type[int] | type[float]) -> dict[str, float]:
    """The numbers of a query.

    Raises:
        Refusal: one is none.
    """
    found: dict[str, float] = {}
    for name, kind in kinds.items():
        text = request.query_params.get(name)
        if text is None:
            continue
        try:
            if "_" in text:  # Python's own way to write a number
                raise ValueError
            found[name] = kind(text)
        except ValueError:
            raise Refusal(400, "bad_query", f"expected a number as {name}, got {text[:40]!r}") from None
    return found
