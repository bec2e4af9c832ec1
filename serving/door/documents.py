"""``/openapi.json`` and ``/docs``: the contract, as a document and as a page that needs nothing from elsewhere."""

from __future__ import annotations

from importlib import resources
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from affekt.serving.door.contract import contract

#: Nothing but the page itself: no script, no frame, nothing from another host.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def routes() -> list[Route]:
    """Their addresses."""
    document = contract()

    async def openapi(request: Request) -> Response:
        return JSONResponse(document)

    async def docs(request: Request) -> Response:
        return HTMLResponse(_page(document), headers={"Content-Security-Policy": POLICY})

    return [Route("/openapi.json", openapi, methods=["GET"]), Route("/docs", docs, methods=["GET"])]


def _page(document: dict[str, Any]) -> str:
    source = resources.files("affekt.serving.door").joinpath("docs.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source).render(document=document)
