"""``POST /predictions/{model}``: a clip in, the answer out."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from affekt.serving.door.desk import Desk
from affekt.serving.door.versions import Gone

__all__ = ["Gone", "routes"]


def routes(desk: Desk) -> list[Route]:
    """The addresses of predictions."""

    async def predict(request: Request) -> Response:
        version = desk.versions.named(request.path_params["model"], request.path_params.get("version"))
        try:
            clip = await desk.clip_of(request)
        except ClientDisconnect:
            raise Gone from None
        status, document = await desk.reply(request, version, clip, {})
        return JSONResponse(document, status)

    return [
        Route("/predictions/{model}", predict, methods=["POST"]),
        Route("/predictions/{model}/{version}", predict, methods=["POST"]),
    ]
