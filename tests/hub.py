"""A small Hub on the loopback address that serves folders as model repositories, for the real huggingface_hub client."""

import hashlib
import http.server
import json
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class Hub:
    """`with Hub({"owner/name": folder}, gated={"owner/secret"}) as hub:` serves at `hub.url`; `hub.seen` are the paths
    asked for, `hub.tokens` the tokens that came with them."""

    def __init__(self, models: dict[str, Path], gated: set[str] = frozenset()):
        self.models, self.gated = models, gated
        self.seen: list[str] = []
        self.tokens: set[str] = set()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        self.seen.append(path)
        self.tokens.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        for repo in self.gated:
            if path.startswith((f"/{repo}/", f"/api/models/{repo}")):
                return self.send(request, 403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        for repo, folder in self.models.items():
            files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
            if path in (f"/api/models/{repo}", f"/api/models/{repo}/revision/main", f"/api/models/{repo}/revision/{COMMIT}"):
                info = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": [{"rfilename": f, "size": (folder / f).stat().st_size} for f in files]}
                return self.send(request, 200, json.dumps({**info, "private": False, "tags": [], "downloads": 0}).encode())
            if path.startswith(f"/api/models/{repo}/tree/"):
                tree = [
                    {"type": "file", "path": f, "size": (folder / f).stat().st_size, "oid": "b" * 40} for f in files
                ]
                return self.send(request, 200, json.dumps(tree).encode())
            for revision in ("main", COMMIT):
                prefix = f"/{repo}/resolve/{revision}/"
                if path.startswith(prefix) and path.removeprefix(prefix) in files:
                    data = (folder / path.removeprefix(prefix)).read_bytes()
                    tag = hashlib.sha1(data).hexdigest()
                    return self.send(request, 200, data, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
        return self.send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "not found"})

    def send(self, request: http.server.BaseHTTPRequestHandler, status: int, data: bytes, headers: dict | None = None) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "Content-Type": "application/json", **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)
