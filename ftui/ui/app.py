"""The whole page from its parts, one for each language, and the server that serves them."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr  # noqa: E402
from fastapi import FastAPI  # noqa: E402

from ftui.core import languages  # noqa: E402
from ftui.core.errors import UserError  # noqa: E402
from ftui.core.home import Home  # noqa: E402
from ftui.ui import data_tab, evaluation_tab, export_tab, log_tab, playground_tab, sidebar, style, tune_tab, web  # noqa: E402
from ftui.ui.page import BROWSER, QUIET, TABS, Page, go_to  # noqa: E402

LARGEST_UPLOAD = "4gb"
LOCAL = ("127.0.0.1", "localhost", "::1")


def build(home_of: Callable[[gr.Request | None], Home], lang: str) -> gr.Blocks:
    """The page in one language. `home_of(request)` is the home of the visitor."""
    with gr.Blocks(
        title=f"ftui · {languages.text('title', lang)}",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(3600, 86400),
    ) as demo:
        hidden = {"visible": "hidden", "container": False, "show_label": False}
        data = gr.Textbox("", elem_id="address-data", **hidden)
        run = gr.Textbox("", elem_id="address-run", **hidden)
        tab = gr.Textbox("data", elem_id="address-tab", **hidden)
        pulse = gr.Textbox("", elem_id="pulse", **hidden)
        tabs = gr.Tabs(elem_id="tabs", overflow_behavior="wrap", render=False)
        page = Page(lang, home_of, tabs, data, run, tab, pulse)
        with gr.Sidebar(elem_id="sidebar", width=288, label=page.t("runs")):
            sidebar.build(page)
        with gr.Column(elem_id="main"):
            sidebar.build_strip(page)
            tabs.render()
            with tabs:
                _tabs(page)
        demo.load(page.bind_request(open_address), [], [data, run, tab, tabs], **QUIET)
    demo.queue(default_concurrency_limit=None, max_size=None)
    return demo


def _tabs(page: Page) -> None:
    choice = None
    for number, name in enumerate(TABS, start=1):
        with gr.Tab(f"{number} {page.t('tab_' + name)}", id=name, elem_id="tab-" + name, render_children=True) as item:
            match name:
                case "data":
                    choice = data_tab.build(page)
                case "tune":
                    tune_tab.build(page, choice)
                case "log":
                    log_tab.build(page)
                case "evaluation":
                    evaluation_tab.build(page)
                case "playground":
                    playground_tab.build(page)
                case "export":
                    export_tab.build(page)
        item.select(None, [], [page.tab], js=f"() => ftui.opened('{name}')", **BROWSER)


def open_address(home: Home, lang: str, query: dict[str, str]) -> tuple:
    """(data, run, tab, tabs) as the page's address says."""
    data, run_id, tab = (query.get(name, "") for name in ("data", "run", "tab"))
    tab = tab if tab in TABS else "log" if run_id else "data"
    try:
        run_id = home.run(run_id).id if run_id else ""
        data = data or (sidebar.dataset_of(home.run(run_id)) if run_id else "")
    except UserError:
        gr.Warning(languages.text("run_gone", lang, run=run_id))
        run_id = ""
    return data, run_id, tab, go_to(tab)


def create(home: Home, auth: tuple[str, str] | None = None) -> FastAPI:
    """The application: / leads to /en/ or /zh/, where the pages are."""
    app = FastAPI(title="ftui", openapi_url=None)
    web.add_routes(app)
    pages = []
    for lang in languages.LANGUAGES:
        page = build(lambda request: home, lang)
        gr.mount_gradio_app(
            app,
            page,
            path=f"/{lang}",
            theme=style.theme(),
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=LARGEST_UPLOAD,
            ssr_mode=False,
            auth=auth,
        )
        pages.append(page.app)
    for other in pages[1:]:  # one login for both languages
        other.tokens, other.cookie_id = pages[0].tokens, pages[0].cookie_id
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
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages until interrupted. `on_ready(url)` is called once they answer. Raises UserError for a taken port."""
    import uvicorn

    account = login(auth, no_auth, public=share or host not in LOCAL)
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"

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

    application = create(home, account)
    Server(uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=2)).run(
        sockets=[listener]
    )


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
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
