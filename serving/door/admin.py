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
from affekt.serving.door.versions import Versions


def admin_application(versions: Versions) -> ASGIApp:
    """``GET /versions`` tells them; ``POST /versions`` with ``version`` and ``folder`` puts another one in place."""
    swaps = Swaps(versions)

    async def tell(request: Request) -> Response:
        return JSONResponse({"default": versions.default, "versions": list(versions.all)})

    async def put(request: Request) -> Response:
        asked = await request.json()
        return JSONResponse(asdict(await swaps.replace(str(asked["version"]), Path(asked["folder"]))))

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, AffektError)
        return JSONResponse({"error": error.to_dict()}, 409)

    routes = [Route("/versions", tell, methods=["GET"]), Route("/versions", put, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={AffektError: failed})
