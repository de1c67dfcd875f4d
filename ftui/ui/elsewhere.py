"""In the Export tab: what to do with a download where it is to be used. The commands and the code work as they stand."""

from __future__ import annotations

from html import escape

from ftui.artifacts import exporting, using
from ftui.core import languages
from ftui.core.home import Home
from ftui.ui import asking
from ftui.ui.page import find_run

SPACE = "pip install -r requirements.txt gradio\npython app.py\nhf upload OWNER/NAME . --repo-type space"
DOCKER = "docker build -t model .\ndocker run -p 8000:8000 model"
ADDRESS = "http://127.0.0.1:8000"


def how(home: Home, lang: str, run_id: str, name: str, kind: str) -> str:
    """What comes after the download of this artefact in this way, step by step."""
    run = find_run(home, run_id)
    if run is None or name not in exporting.found(run):
        return ""
    text = languages.text("serving_example", lang)
    if kind == "space":
        parts, after = [("terminal", SPACE)], "elsewhere_space"
    elif kind == "docker":
        path, sent = asking.request(run, asking.body(dict.fromkeys(asking.inputs(run), text)))
        parts, after = [("terminal", DOCKER), ("curl", asking.calls(ADDRESS, sent, False, path)[0])], "elsewhere_docker"
    else:
        code = using.code(run, name, text)
        if code is None:
            return _told("elsewhere_ensemble", lang)
        parts, after = [("terminal", f"pip install {using.packages(name)}"), ("python", code)], "elsewhere_zip"
    return _told(after, lang) + "".join(asking.snippet(part, code, lang) for part, code in parts) + _told("elsewhere_more", lang)


def _told(key: str, lang: str) -> str:
    return f'<div class="ft"><p class="sub">{escape(languages.text(key, lang))}</p></div>'
