"""The run's own server, asked by the page: started where it is not up, texts in, answers out."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from collections.abc import Iterator
from html import escape

from ftui import jobs, tasks
from ftui.core import events as ev
from ftui.core import languages, recipe
from ftui.core.errors import UserError, told_by
from ftui.core.home import Job, Run
from ftui.serve import questions

PATIENCE = 90.0  # seconds for a model to load
IDLE = 1800  # seconds without a question after which the server ends itself
MOST_SERVERS = 2  # models that playgrounds hold in memory at a time
_starting = threading.Lock()  # two questions at once start one server


def server(run: Run) -> Iterator[tuple[str | None, float]]:
    """Start the run's server unless it is up; yields (None, seconds waited) about once a second, at the end (address,
    seconds). Raises UserError where it does not come up."""
    url = jobs.serving(run)
    start = time.monotonic()
    told = -1
    job = None if url else job_of(run)
    while url is None:
        waited = time.monotonic() - start
        if waited > PATIENCE:
            raise UserError("server_slow", seconds=int(PATIENCE))
        if int(waited) > told:
            told = int(waited)
            yield None, waited
        time.sleep(0.15)
        if job is not None and jobs.state(job) in ev.TERMINAL:
            failure = ev.last(ev.read(job.events)[0], "error")
            problem = {lang: told_by(failure, lang)[0] for lang in languages.LANGUAGES} if failure else job.log
            raise UserError("server_failed", problem=problem)
        url = jobs.serving(run)
    yield url, time.monotonic() - start


def job_of(run: Run) -> Job:
    """The run's server, started if there is none."""
    with _starting:
        alive = (j for j in reversed(run.jobs("serve")) if jobs.state(j) not in ev.TERMINAL)
        job = next((j for j in alive if j.card()["options"].get("artifact", "model") == "model"), None)
        if job is None:
            jobs.limit_servers(run.home, MOST_SERVERS - 1)
            job = jobs.start(run, "serve", {"port": 0, "idle": IDLE})
        return job


def predict(url: str, given: dict, patience: float | None = 120.0) -> dict:
    """What the server says to a question as `body` makes it, or to {"inputs": [...]}, within so many seconds (None: however
    long it takes). Raises UserError."""
    import httpx

    try:
        answer = httpx.post(f"{url}/predict", json=given, headers=key(), timeout=httpx.Timeout(30, read=patience), trust_env=False)
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UserError("server_failed", problem=str(error) or type(error).__name__) from error
    if "error" in content:
        raise UserError("server_failed", problem=content["error"]["message"])
    return content


def key() -> dict[str, str]:
    """The header with the key, where the servers of this machine want one (it is in their environment as in ours)."""
    key = os.environ.get("FTUI_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def task_of(run: Run) -> str:
    """The task that the run's model has learned."""
    return recipe.load(run.recipe).task


def inputs(run: Run) -> tuple[str, ...]:
    """The roles that its model has to be given."""
    made = recipe.load(run.recipe)
    return tasks.inputs(tasks.get(made.task), made.data.columns)


def talks(run: Run) -> bool:
    """Whether one can talk to its finished model."""
    from ftui.artifacts import predicting

    return predicting.talks(json.loads((run.model / "ftui.json").read_text(encoding="utf-8")))


def body(given: dict[str, str]) -> dict[str, str]:
    """A question (input -> text) as it is sent."""
    return dict(zip(questions.fields(tuple(given)), given.values(), strict=True))


def loading(seconds: float, lang: str) -> str:
    """What stands in the answer's place while the server starts."""
    text = languages.text("loading_model", lang, s=int(seconds))
    return f'<div class="ft card answer" aria-live="polite"><div class="muted">{text}</div><div class="progress wait running"><i style="width:30%"></i></div></div>'


def request(run: Run, given: dict) -> tuple[str, dict]:
    """(path, body) of a question as other programs send it: in OpenAI's form where one talks to the model; several at once go
    to /predict whatever the task."""
    if hasattr(tasks.get(task_of(run)), "talk") and "inputs" not in given:
        if not talks(run):
            return "/v1/completions", {"prompt": given["text"], "max_tokens": 128}
        return "/v1/chat/completions", {"messages": [{"role": "user", "content": given["text"]}], "max_tokens": 128}
    return "/predict", given


def snippets(run: Run, given: dict, lang: str) -> str:
    """The very question that was asked, from a terminal and from Python; each can be copied and works as it stands."""
    url = jobs.serving(run)
    address = url or "http://127.0.0.1:8000"
    path, sent = request(run, given)
    curl, python = calls(address, sent, bool(key()), path)
    start = f"python -m ftui serve {run.id} --port 8000"
    note = languages.text("snippet_running" if url else "snippet_not_running", lang)
    if path != "/predict":
        note += " " + languages.text("snippet_openai", lang, base=f"{address}/v1")
    parts = (("start", start), ("curl", curl), ("python", python))
    return f'<div class="ft"><p class="sub">{escape(note)}</p></div>' + "".join(snippet(name, code, lang) for name, code in parts)


def calls(address: str, given: dict, keyed: bool, path: str = "/predict") -> tuple[str, str]:
    """(curl, Python) that ask the server at this address; each works when pasted. A key is named, never shown."""
    body = json.dumps(given, ensure_ascii=False)
    curl = f"curl -X POST {address}{path} -H 'Content-Type: application/json'"
    curl += ' -H "Authorization: Bearer $FTUI_API_KEY"' if keyed else ""
    headers = '{"Content-Type": "application/json"' + (', "Authorization": "Bearer " + os.environ["FTUI_API_KEY"]' if keyed else "") + "}"
    python = (
        ("import json\nimport os\n" if keyed else "import json\n") + "import urllib.request\n\n"
        f"given = {given!r}\n"
        f'request = urllib.request.Request("{address}{path}", json.dumps(given).encode(), {headers})\n'
        "print(json.load(urllib.request.urlopen(request)))"
    )
    return f"{curl} -d {shlex.quote(body)}", python


def snippet(name: str, code: str, lang: str) -> str:
    """Code with its title and a button that copies it."""
    return (
        f'<div class="ft snippet" data-name="{name}"><div class="k">{languages.text("snippet_" + name, lang)} '
        f'<button class="copy" data-copy="{languages.text("copied", lang)}">{languages.text("copy", lang)}</button></div>'
        f'<pre class="code">{escape(code)}</pre></div>'
    )
