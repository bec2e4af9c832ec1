"""What the door refuses, and the one form of all errors: ``{"error": {"code", "message"}}``."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

#: Statuses of what the engine says of itself, by code; after a pause the same request may well succeed.
ENGINE_STATUS = {"not_ready": 503, "busy": 503, "crashed": 503, "timeout": 504}


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        code: a stable word for machines.
        message: what was expected, what was found, what to do.
        retry_after: seconds after which the same request may succeed; 0 where waiting does not help.
        headers: further ones.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {**({"Retry-After": str(retry_after)} if retry_after else {}), **(headers or {})}

    def response(self) -> JSONResponse:
        """The answer."""
        document = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(document, self.status, headers=self.headers)
