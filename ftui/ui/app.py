"""The whole page from its parts, one for each language, and the server that serves them."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from html import escape

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from starlette.routing import Mount  # noqa: E402

from ftui import jobs  # noqa: E402
from ftui.core import access, hosts, languages  # noqa: E402
from ftui.core.access import DEMO, LOCAL, PRIVATE, Access  # noqa: E402
from ftui.core.errors import UserError  # noqa: E402
from ftui.core.home import Home  # noqa: E402
from ftui.ui import (  # noqa: E402
    data_tab,
    dialogs,
    evaluation_tab,
    export_tab,
    frontend,
    guard,
    live,
    log_tab,
    playground_tab,
    sidebar,
    style,
    tune_tab,
    web,
)
from ftui.ui.page import BROWSER, LATEST, QUIET, TABS, Page, View, go_to  # noqa: E402

LARGEST_UPLOAD = "4gb"


def build(home_of: Callable[[gr.Request | None], Home], lang: str, way: Access = LOCAL) -> gr.Blocks:
    """The page in one language. `home_of(request)` is the home of the visitor, `way` what is allowed here."""
    with gr.Blocks(
        title=f"ftui · {languages.text('title', lang)}",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(600, 7200) if way.mode == "demo" else (3600, 86400),  # looked through every, removed after so many seconds
    ) as demo:
        hidden = {"visible": "hidden", "container": False, "show_label": False}
        data = gr.Textbox("", elem_id="address-data", **hidden)
        run = gr.Textbox("", elem_id="address-run", **hidden)
        tab = gr.Textbox("data", elem_id="address-tab", **hidden)
        pulse = gr.Textbox("", elem_id="pulse", **hidden)
        again = gr.Textbox("", elem_id="again", **hidden)
        tabs = gr.Tabs(elem_id="tabs", overflow_behavior="wrap", render=False)
        page = Page(lang, way, home_of, tabs, data, run, tab, pulse, again)
        with gr.Sidebar(elem_id="sidebar", width=288, label=page.t("runs")):
            listed = sidebar.build(page)
        with gr.Column(elem_id="main"):
            strip = sidebar.build_strip(page)
            dialogs.build(page, listed, strip)
            tabs.render()
            with tabs:
                views = _tabs(page)
        _conduct(demo, page, views, strip, listed)
    demo.queue(default_concurrency_limit=None, max_size=None)
    return demo


def _tabs(page: Page) -> dict[str, View]:
    """All tabs; what each shows of the chosen data and run."""
    views: dict[str, View] = {}
    builders = {
        "evaluation": evaluation_tab.build,
        "playground": playground_tab.build,
        "export": export_tab.build,
    }
    choice = None
    for number, name in enumerate(TABS, start=1):
        with gr.Tab(f"{number} {page.t('tab_' + name)}", id=name, elem_id="tab-" + name, render_children=True) as item:
            if name == "data":
                choice, views[name] = data_tab.build(page)
            elif name == "tune":
                views[name] = tune_tab.build(page, choice)
            elif name == "log":
                log_tab.build(page)  # follows its run by itself (see ftui.ui.live)
            else:
                views[name] = builders[name](page)
        item.select(None, [], [page.tab], js=f"() => ftui.opened('{name}')", **BROWSER)
    return views


def _conduct(demo: gr.Blocks, page: Page, views: dict[str, View], strip: gr.HTML, listed: sidebar.Listed) -> None:
    """Keep strip, list and the open tab up to date, with one request for each change of what is chosen.

    The Data tab is brought up to date whenever another data set is chosen, also unseen: Fine-tune reads its controls.
    """
    data = views.pop("data")
    seen = gr.State({})
    inputs = [
        page.data,
        page.run,
        page.tab,
        listed.shown,
        listed.find,
        page.pulse,
        seen,
        *(i for v in views.values() for i in v.inputs),
    ]
    outputs = [strip, *listed.outputs(page), seen, *(o for v in views.values() for o in v.outputs)]

    def refresh(home: Home, lang: str, data_id: str, run_id: str, tab: str, shown: str, find: str, pulse: str, seen: dict, *rest):
        listed = sidebar.runs(home, lang, run_id, shown, find, pulse, page.way)
        sent = [sidebar.strip(home, lang, data_id, run_id), *listed]
        parts, now = [], dict(seen)
        for name, view in views.items():
            own, rest = rest[: len(view.inputs)], rest[len(view.inputs) :]
            if name != tab or (view.by_run and seen.get(name) == pulse):
                parts += [gr.skip()] * len(view.outputs)
                continue
            parts += view.handler(home, lang, *own)
            now[name] = pulse
        return (*sent, now, *parts)

    refreshed = page.bind(refresh)
    opened = [page.data, page.run, page.tab, page.tabs, page.pulse]
    demo.load(page.bind_request(open_address), [], opened, **QUIET).then(refreshed, inputs, outputs, **QUIET)
    gr.on([page.tab.change, page.pulse.change], refreshed, inputs, outputs, **LATEST)
    chosen = page.data.change(page.bind(data.handler), data.inputs, data.outputs, **LATEST)
    for handler, *wiring in (view.settle for view in views.values() if view.settle):
        chosen = chosen.then(page.bind(handler), *wiring, **QUIET)
    chosen.then(refreshed, inputs, outputs, **QUIET)


def open_address(home: Home, lang: str, query: dict[str, str]) -> tuple:
    """(data, run, tab, tabs, pulse) as the page's address says."""
    data, run_id, tab = (query.get(name, "") for name in ("data", "run", "tab"))
    tab = tab if tab in TABS else "log" if run_id else "data"
    pulse = ""
    try:
        if run_id:
            run = home.run(run_id)
            run_id, pulse, data = run.id, sidebar.beat(run), data or sidebar.dataset_of(run)
    except UserError:
        gr.Warning(escape(languages.text("run_gone", lang, run=run_id[:60])))  # a toast is HTML, and anybody writes addresses
        run_id = ""
    return data, run_id, tab, go_to(tab), pulse


def create(home: Home, auth: tuple[str, str] | None = None, way: Access = LOCAL, root_path: str = "") -> FastAPI:
    """The application: / leads to /en/ or /zh/, where the pages are. `root_path` ("/path", or none) is where a proxy shows it:
    links of ours are relative, Gradio has to be told; in ASGI's `path` it comes first, as uvicorn puts it there."""
    app = FastAPI(title="ftui", openapi_url=None)
    web.add_routes(app, way)

    def home_of(request: gr.Request | Request | None) -> Home:
        mine = way.home(home, request.cookies.get(guard.VISITOR) if request else None)
        if way.lifetime is not None:
            with contextlib.suppress(FileNotFoundError):  # nothing was brought yet
                os.utime(mine.path)  # somebody comes: it is kept
        return mine

    for lang in languages.LANGUAGES:
        page = build(home_of, lang, way)
        guard.only_uploads(page)
        frontend.add_route(app, f"/{lang}")
        gr.mount_gradio_app(
            app,
            page,
            path=f"/{lang}",
            root_path=f"{root_path}/{lang}" if root_path else "",
            theme=style.theme(),
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=f"{way.most_megabytes}mb" if way.most_megabytes else LARGEST_UPLOAD,
            ssr_mode=False,
            auth=auth,
        )
    first, *others = (route.app for route in app.routes if isinstance(route, Mount))
    for other in others:  # one login for both languages
        other.tokens, other.cookie_id = first.tokens, first.cookie_id

    def admitted(request: Request) -> bool:
        cookies = (f"access-token{kind}-{first.cookie_id}" for kind in ("", "-unsecure"))  # as Gradio itself asks
        return auth is None or any(request.cookies.get(name) in first.tokens for name in cookies)

    live.add_route(app, home_of, admitted)
    return app


def login(auth: str | None, no_auth: bool, public: bool) -> tuple[str, str] | None:
    """(user, password): as given, else made up where others can reach the page, else none. Raises UserError."""
    if auth is not None:
        user, sign, password = auth.partition(":")
        if not (user and sign and password):
            raise UserError("auth_malformed")
        return user, password
    return ("ftui", secrets.token_urlsafe(9)) if public and not no_auth else None


def serve_ui(
    home: Home,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    auth: str | None = None,
    no_auth: bool = False,
    demo: bool = False,
    root_path: str = "",
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages until interrupted. `on_ready(url)` is called once they answer. Raises UserError for a taken port."""
    import uvicorn

    public = share or host not in hosts.ADDRESSES
    account = None if demo else login(auth, no_auth, public)
    way = DEMO if demo else PRIVATE if public or account else LOCAL
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"

    threading.Thread(target=_warm_up, daemon=True).start()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"ftui: {url}", flush=True)
            if account and not auth:
                print(f"ftui: user {account[0]}, password {account[1]}", flush=True)
            if on_ready:
                on_ready(url)
            if share:
                threading.Thread(target=_share, args=(port,), daemon=True).start()

    os.environ["FTUI_QUEUE"] = str(home.queue)  # the visitors of a demo wait in one queue
    if way.lifetime is not None:
        threading.Thread(target=_sweep, args=(home, way.lifetime), daemon=True).start()
    root_path = "/" + root_path.strip("/") if root_path.strip("/") else ""
    application = create(home, account, way, root_path)
    options = {"log_level": "warning", "access_log": False, "timeout_graceful_shutdown": 2, "root_path": root_path}
    Server(uvicorn.Config(application, **options)).run(sockets=[listener])


def _sweep(home: Home, lifetime: float) -> None:
    """Remove, again and again, what visitors have left behind."""
    while True:
        access.sweep(home, lifetime, jobs.end_all)
        time.sleep(600)


def _warm_up() -> None:
    """What the first visitor would wait for."""
    import plotly.graph_objects  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import ftui.data.intake  # noqa: F401

    web.plotly_script()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:  # an OverflowError: no port at all
        listener.close()
        raise UserError("port_taken", host=host, port=port) from error
    return listener


def _share(port: int) -> None:
    """Open the public link beside the running page; without a network the page stays local and says so."""
    from gradio import networking

    try:
        address = networking.setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None)
        print(f"ftui: {address}", flush=True)
    except Exception as error:
        print(f"ftui: no public link ({error})", flush=True)
