"""``/``: a page on which a person tries the server; nothing of it comes from elsewhere."""

from __future__ import annotations

from importlib import resources

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

#: Its own script, style and answers; a clip and a recording that the browser holds itself.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; media-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {"page.js": "text/javascript", "page.css": "text/css"}


def routes(model: str) -> list[Route]:
    """Its addresses.

    Args:
        model: that the page asks.
    """
    folder = resources.files("affekt.serving.door").joinpath("page")
    source = folder.joinpath("index.html").read_text(encoding="utf-8")
    html = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source).render(model=model)
    texts = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in _FILES}

    async def page(request: Request) -> Response:
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})

    def file(name: str) -> Route:
        async def give(request: Request) -> Response:
            return Response(texts[name], media_type=_FILES[name])

        return Route(f"/page/{name}", give, methods=["GET"])

    return [Route("/", page, methods=["GET"]), *map(file, _FILES)]
