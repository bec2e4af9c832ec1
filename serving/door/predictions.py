"""``POST /predictions``, ``/timeline`` and ``/explanations``: a clip in, what is said of it out."""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from affekt.serving.door.clip_fields import once, refuse_misspelt, timings_wanted
from affekt.serving.door.desk import Desk
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Gone

__all__ = ["Gone", "routes"]


def routes(desk: Desk) -> list[Route]:
    """The addresses of what is asked about a clip."""

    async def asked(request: Request, task: dict[str, Any], *query: str) -> Response:
        version = desk.version_of(request)
        refuse_misspelt(request, *query)
        timings_wanted(request)  # before a body is waited for
        try:
            clip, person, labels = await desk.clip_of(request, *query)
        except ClientDisconnect:
            raise Gone from None
        if person and "kind" in task:
            clip.remove()
            raise Refusal(400, "bad_person", "answers of /predictions alone are adapted to a person; leave it out")
        if labels and task.get("kind") == "explanations":
            clip.remove()
            raise Refusal(400, "bad_query", "explanations are of the answer among all labels; leave labels out")
        task = {**task, **({"labels": labels} if labels else {})}
        status, document = await desk.reply(request, version, clip, task, person)
        return JSONResponse(document, status)

    async def predict(request: Request) -> Response:
        return await asked(request, {})

    async def timeline(request: Request) -> Response:
        return await asked(request, {"kind": "timeline", **_numbers(request, every=float)}, "every")

    async def explain(request: Request) -> Response:
        label = once(request, "label")
        task = {"kind": "explanations", **_numbers(request, frames=int), **({"label": label} if label else {})}
        return await asked(request, task, "label", "frames")

    return [
        Route("/predictions/{model}", predict, methods=["POST"]),
        Route("/predictions/{model}/{version}", predict, methods=["POST"]),
        Route("/timeline/{model}", timeline, methods=["POST"]),
        Route("/explanations/{model}", explain, methods=["POST"]),
    ]


def _numbers(request: Request, **kinds: type[int] | type[float]) -> dict[str, float]:
    """The numbers of a query.

    Raises:
        Refusal: one is none.
    """
    found: dict[str, float] = {}
    for name, kind in kinds.items():
        text = once(request, name)
        if text is None:
            continue
        try:
            if "_" in text:  # Python's own way to write a number
                raise ValueError
            found[name] = kind(text)
        except ValueError:
            raise Refusal(400, "bad_query", f"expected a number as {name}, got {text[:40]!r}") from None
    return found
