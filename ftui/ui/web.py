"""Around the pages: which language an address has, and what the browser needs besides Gradio."""

from __future__ import annotations

import functools
import gzip
import secrets
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from ftui.core import languages
from ftui.core.access import Access
from ftui.ui import style
from ftui.ui.guard import VISITOR, Guard

COOKIE = "ftui-lang"


def add_routes(web: FastAPI, way: Access) -> None:
    """/ leads to the page in the visitor's language; plotly.js and the icon come from this machine, not from a CDN."""

    @web.get("/")
    def root(request: Request) -> Response:
        wanted = request.query_params.get("lang") or request.cookies.get(COOKIE)
        lang = wanted if wanted in languages.LANGUAGES else languages.closest(request.headers.get("accept-language"))
        return to_language(request, f"{lang}/")

    @web.get("/static/plotly.min.js")
    def plotly() -> Response:
        headers = {"Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(plotly_script(), media_type="text/javascript", headers=headers)

    @web.get("/favicon.ico")
    def favicon() -> Response:
        return Response((style.ASSETS / "favicon.svg").read_bytes(), media_type="image/svg+xml")

    web.add_middleware(Pages, way=way)
    web.add_middleware(Guard, way=way)


def to_language(request: Request, path: str) -> RedirectResponse:
    """A redirect that keeps the query; relative, so that it works behind any proxy. An explicit ?lang= is remembered."""
    query = urlencode([(k, v) for k, v in request.query_params.multi_items() if k != "lang"])
    response = RedirectResponse(path + (f"?{query}" if query else ""), status_code=307)
    if request.query_params.get("lang") in languages.LANGUAGES:
        response.set_cookie(COOKIE, request.query_params["lang"], max_age=365 * 86400, samesite="lax")
    return response


class Pages:
    """ASGI middleware: ?lang= leads to the other language, and each page gets its head before Gradio's script runs.

    (Gradio's own `head=` comes too late: its script has read the browser's language by then; and its `css=` changes selectors.)
    """

    def __init__(self, app: Callable, way: Access):
        self.app, self.way = app, way
        self.heads = {f"/{lang}/": head(lang) for lang in languages.LANGUAGES}

    async def __call__(self, scope: dict, receive: Callable, send: Callable[[dict], Awaitable[None]]) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or path not in self.heads:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.query_params.get("lang") in languages.LANGUAGES:
            await to_language(request, f"../{request.query_params['lang']}/")(scope, receive, send)
            return
        start: dict = {}
        body = bytearray()

        async def rewrite(message: dict) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            whole = self._with_head(bytes(body), path) if start["status"] == 200 else bytes(body)
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            headers += [(b"content-length", str(len(whole)).encode()), *self._visitor(request)]
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": whole})

        uncompressed = {**scope, "headers": [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]}
        await self.app(uncompressed, receive, rewrite)

    def _visitor(self, request: Request) -> list[tuple[bytes, bytes]]:
        """In a demo: the cookie by which its visitors are told apart, for a browser that has none yet. It is a secret of
        128 bits that scripts cannot read; inside the frame of a Space it has to be a third party's."""
        if self.way.mode != "demo" or request.cookies.get(VISITOR):
            return []
        safe = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").split(",")[0])
        where = "SameSite=None; Secure; Partitioned" if safe else "SameSite=Lax"
        cookie = f"{VISITOR}={secrets.token_hex(16)}; Path=/; HttpOnly; Max-Age=604800; {where}"
        return [(b"set-cookie", cookie.encode())]

    def _with_head(self, page: bytes, path: str) -> bytes:
        text = page.decode("utf-8")
        text = text.replace('lang="en"', f'lang="{path.strip("/")}"', 1)
        text = text.replace('<link rel="manifest" href="/manifest.json" />', "", 1)
        return text.replace('<meta charset="utf-8" />', '<meta charset="utf-8" />' + self.heads[path], 1).encode(
            "utf-8"
        )


def head(lang: str) -> str:
    """What stands first in the page: title, icon, style, and the script that must run before Gradio's."""
    title = f"ftui · {languages.text('title', lang)}"
    icon = '<link rel="icon" href="../favicon.ico" type="image/svg+xml">'
    sheet = f'<style id="ftui-style">{style.css()}</style>'
    return f"<title>{escape(title)}</title>{icon}{sheet}<script>{style.script()}</script>"


@functools.cache
def plotly_script() -> bytes:
    """plotly.js as it lies in the plotly package, compressed once."""
    import plotly

    return gzip.compress((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes(), 5)
