"""What comes in at all: with the key where there is one, under a name of this machine where that is all there is, not too large, not too slowly. And what is counted of it."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from ftui.core import hosts, languages
from ftui.core.errors import UserError
from ftui.serve.metrics import Metrics

LARGEST_BODY = 4_000_000  # bytes
PATIENCE = 20.0  # seconds in which a body has to have come
DOCS = "/docs/files"  # the scripts of /docs
OPEN = ("/health", "/docs", "/openapi.json")  # without the key: they tell nothing of the model's answers


class Door:
    """ASGI middleware. A body is read here as a whole, so that a slow one holds up nothing behind it."""

    def __init__(
        self, app: Callable, metrics: Metrics, key: str | None = None, largest: int = LARGEST_BODY, patience: float = PATIENCE, local: bool = False
    ):
        """`local`: only this machine can reach it, and no key is asked for; other sites' pages have no business here then."""
        self.app, self.metrics, self.largest, self.patience = app, metrics, largest, patience
        self.local, self.hosts = local and not key, hosts.named()
        self.key = f"Bearer {key}".encode() if key else None

    async def __call__(self, scope: dict, receive: Callable, send: Callable[[dict], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(message: dict) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admit(scope, receive, noted)
        finally:
            route = scope.get("route")
            self.metrics.request(route.path if route else "-", status, time.perf_counter() - began)

    async def _admit(self, scope: dict, receive: Callable, send: Callable) -> None:
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self.key and path not in OPEN and not path.startswith(DOCS + "/") and not self._known(headers):
            await refuse(scope, 401, UserError("key_wrong"), {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        foreign = self._foreign(headers) if self.local else None
        if foreign:
            await refuse(scope, *foreign)(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        too_large = refuse(scope, 413, UserError("body_too_large", most=self.largest))
        if length.isdecimal() and int(length) > self.largest:
            await too_large(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.patience):
                body = await self._body(receive)
        except TimeoutError:
            error = UserError("body_too_slow", seconds=round(self.patience))
            await refuse(scope, 408, error, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:  # they have gone
            return
        if len(body) > self.largest:
            await too_large(scope, receive, send)
            return
        first: list[dict] = [{"type": "http.request", "body": body, "more_body": False}]

        async def read() -> dict:
            return first.pop() if first else await receive()

        await self.app(scope, read, send)

    async def _body(self, receive: Callable) -> bytes | None:
        """All of it, or as much as shows that it is too large; None where the asker hangs up on the way."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if not message.get("more_body") or len(body) > self.largest:
                return bytes(body)

    def _foreign(self, headers: Headers) -> tuple[int, UserError] | None:
        """(status, error) of a request under another name, or of another site's page."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not hosts.ours(host, self.hosts):
            return 421, UserError("server_host_foreign", host=host[:100])
        if origin is not None and not hosts.ours(urlsplit(origin).netloc, self.hosts):
            return 403, UserError("server_page_foreign", origin=origin[:100])
        return None

    def _known(self, headers: Headers) -> bool:
        given = headers.get("authorization", "").encode("latin-1")
        return self.key is not None and hmac.compare_digest(given, self.key)


def refuse(scope: dict, status: int, error: UserError, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal in the asker's language."""
    return JSONResponse({"error": error.as_dict(language(scope))}, status, headers)


def language(scope: dict) -> str:
    """The asker's language."""
    return languages.closest(Headers(scope=scope).get("accept-language"))


def failure(error: Exception) -> UserError:
    """What is said of a model that could not answer."""
    return error if isinstance(error, UserError) else UserError("answer_failed", problem=f"{type(error).__name__}: {error}"[:300])
