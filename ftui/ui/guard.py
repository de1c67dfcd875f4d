"""What reaches the pages at all: the addresses that they need, asked for by themselves, under a name that is theirs.

A page on 127.0.0.1 can be reached by every site that its user visits: with a request from that site's page, or, once a
foreign name leads to this machine (DNS rebinding), as if it were that site itself. Gradio lets both through, has many
routes that nothing here uses, and allows any origin to read its answers where the page is not on localhost.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import gradio as gr
from gradio import processing_utils
from gradio.exceptions import InvalidPathError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse

from ftui.core import hosts, languages
from ftui.core.access import Access, is_visitor
from ftui.core.errors import UserError

READING = ("GET", "HEAD", "OPTIONS")
MOST_LOGINS, LOGIN_SECONDS = 20, 60  # attempts in so many seconds, all from one address
VISITOR = "ftui-visitor"  # the cookie
LARGEST_CALL = 4_000_000  # bytes that a visitor of a demo may send to a handler; files are uploaded
MOST_FILES = 5  # of the largest kind that a demo takes in one upload: train, validation, test, and room

_LANGUAGE = "|".join(languages.LANGUAGES)
_API = "|".join(
    (
        r"queue/(join|data)", "cancel", "upload", "upload_progress", r"file=(?!https?:).*", r"heartbeat/[\w-]+", "info",
        "startup-events", "user/?", "login_check/?", "token/?", "app_id/?", r"theme\.css", "reset/?",
    )
)  # fmt: skip
_OWN = r"config/?|login/?|logout|theme\.css|favicon\.ico|robots\.txt|manifest\.json|(assets|static|svelte)/.*"
ADDRESSES = re.compile(rf"/|/static/plotly\.min\.js|/favicon\.ico|/live|/({_LANGUAGE})(/({_OWN}|gradio_api/({_API}))?)?")


class Guard:
    """ASGI middleware. $FTUI_HOSTS names further hosts (with their port, separated by commas) at which the page stands."""

    def __init__(self, app: Callable, way: Access):
        self.app, self.way = app, way
        self.hosts = hosts.named()
        framed = "https://huggingface.co https://*.hf.space" if os.environ.get("SPACE_ID") else ""
        self.logins: dict[str, list[float]] = {}
        self.headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": f"frame-ancestors 'self' {framed}; object-src 'none'; base-uri 'self'",
        }

    async def __call__(self, scope: dict, receive: Callable, send: Callable[[dict], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        problem = self.problem(scope["method"], path, headers) or self._guessing(scope, path)
        if problem is None:
            await self.app(scope, receive, with_headers)
            return
        status, error = problem
        content = {"error": error.as_dict(languages.closest(headers.get("accept-language")))}
        await JSONResponse(content, status)(scope, receive, with_headers)

    def problem(self, method: str, path: str, headers: Headers) -> tuple[int, UserError] | None:
        """(status, error) of a request that is refused."""
        host = headers.get("host", "").lower()
        if self.way.mode == "local" and not hosts.ours(host, self.hosts):
            return 421, UserError("host_foreign", host=host[:100])
        if not ADDRESSES.fullmatch(path):
            return 404, UserError("address_unknown", path=path[:100])
        if self._foreign(method, headers, host):
            return 403, UserError("page_foreign", origin=headers.get("origin", "?")[:100])
        if self.way.mode == "demo" and method not in READING:
            return self._too_much(path, headers)
        return None

    def _guessing(self, scope: dict, path: str) -> tuple[int, UserError] | None:
        """Whether somebody tries one password after the other."""
        if scope["method"] in READING or not path.rstrip("/").endswith("/login"):
            return None
        client, now = (scope.get("client") or ("",))[0], time.monotonic()
        self.logins = {who: times for who, times in self.logins.items() if now - times[-1] < LOGIN_SECONDS}
        recent = [at for at in self.logins.get(client, []) if now - at < LOGIN_SECONDS]
        if len(recent) >= MOST_LOGINS:
            return 429, UserError("login_too_often", seconds=round(LOGIN_SECONDS - (now - recent[0])))
        self.logins[client] = [*recent, now]
        return None

    def _foreign(self, method: str, headers: Headers, host: str) -> bool:
        """Whether another site's page asks. What is no browser says neither whence nor where; it has no cookies to misuse."""
        site = headers.get("sec-fetch-site")
        if site == "same-origin":
            return False
        origin = headers.get("origin")
        if origin is not None:
            ours = {host, headers.get("x-forwarded-host", host).lower(), *self.hosts}
            return urlsplit(origin.lower()).netloc not in ours
        return method not in READING and site not in (None, "none")

    def _too_much(self, path: str, headers: Headers) -> tuple[int, UserError] | None:
        upload = path.endswith("/gradio_api/upload")
        most = MOST_FILES * (self.way.most_megabytes or 0) * 1024**2 if upload else LARGEST_CALL
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > most:
            return 413, UserError("demo_call", most=most // 1_000_000)
        if upload and not is_visitor(cookie_parser(headers.get("cookie", "")).get(VISITOR)):
            return 403, UserError("no_visitor")
        if upload and shutil.disk_usage(tempfile.gettempdir()).free < self.way.least_free:
            return 507, UserError("demo_full")
        return None


def only_uploads(page: gr.Blocks) -> None:
    """Let the handlers of a mounted page take as files what was uploaded, and nothing else.

    Whoever calls a handler past the page can name any path of this machine, or an address of the web, as "the file". Gradio
    refuses the first only of pages that were launched by itself, and fetches the second, whatever its size.
    """
    page.has_launched = True
    processing_utils.async_ssrf_protected_download = _no_download


async def _no_download(url: str, *_: object, **__: object) -> str:
    raise InvalidPathError(f"{url[:100]} was not uploaded.")
