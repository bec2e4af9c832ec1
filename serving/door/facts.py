"""What the door says of itself: models, health in few words, metrics, and the contract."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from affekt.serving.door.desk import Desk
from affekt.serving.door.metrics import CONTENT_TYPE


def routes(desk: Desk) -> list[Route]:
    """Their addresses."""

    async def ping(request: Request) -> Response:
        return JSONResponse({"status": "Healthy"})

    async def models(request: Request) -> Response:
        versions = desk.versions
        known = [
            {
                "name": versions.model,
                "version": name,
                "default": name == versions.default,
                "ready": await versions.engine.ready(name),
                "workers": version.line.places,
                "labels": list(version.labels),
            }
            for name, version in versions.all.items()
        ]
        return JSONResponse({"models": known})

    return [
        Route("/ping", ping, methods=["GET"]),
        Route("/models", models, methods=["GET"]),
        metrics_route(desk),
    ]


def metrics_route(desk: Desk) -> Route:
    """``/metrics``."""

    async def metrics(request: Request) -> Response:
        await desk.metrics.look(desk.versions)
        return Response(desk.metrics.text(), media_type=CONTENT_TYPE)

    return Route("/metrics", metrics, methods=["GET"])
