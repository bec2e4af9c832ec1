"""The management of the door, at a socket that only its owner can open: which versions there are, and another one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from affekt.errors import AffektError
from affekt.serving.door.swap import Swaps
from affekt.serving.door.trial import Trial
from affekt.serving.door.versions import Versions


def admin_application(versions: Versions, watch: float, slower: float) -> ASGIApp:
    """``GET /versions`` tells how they do; ``POST /versions`` puts another one in place, or on trial with ``canary`` or
    ``shadow``; ``POST /promote`` and ``POST /abort`` end a trial.
    """
    swaps = Swaps(versions, watch, slower)

    async def tell(request: Request) -> Response:
        return JSONResponse(swaps.status())

    async def put(request: Request) -> Response:
        asked = await request.json()
        name, folder = str(asked["version"]), Path(asked["folder"])
        trials = [Trial.from_dict(each) for each in asked.get("trials", ())]
        percent, shadow = float(asked.get("canary") or 0), bool(asked.get("shadow"))
        if percent or shadow:
            await swaps.beside(name, folder, trials, percent=percent, shadow=shadow)
            return JSONResponse(swaps.status())
        return JSONResponse(asdict(await swaps.replace(name, folder, trials)))

    async def promote(request: Request) -> Response:
        return JSONResponse(asdict(await swaps.promote()))

    async def abort(request: Request) -> Response:
        return JSONResponse({"version": await swaps.abort()})

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, AffektError)
        return JSONResponse({"error": error.to_dict()}, 409)

    routes = [
        Route("/versions", tell, methods=["GET"]),
        Route("/versions", put, methods=["POST"]),
        Route("/promote", promote, methods=["POST"]),
        Route("/abort", abort, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={AffektError: failed})
