"""A small Hub on the loopback address that serves folders as model repositories, for the real huggingface_hub client."""

import base64
import hashlib
import http.server
import json
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class Hub:
    """`with Hub({"owner/name": folder}, gated={"owner/secret"}) as hub:` serves at `hub.url`; `hub.seen` are the paths
    asked for, `hub.tokens` the tokens that came with them. Whoever sends the token of `writers` ({token: owner}) may make
    repositories of that owner, which lie under `room`, and upload into them, large files by way of LFS."""

    def __init__(self, models: dict[str, Path], gated: set[str] = frozenset(), writers: dict[str, str] | None = None, room: Path | None = None):
        self.models, self.gated, self.writers, self.room = models, gated, writers or {}, room
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}  # what came by LFS, by its sha256
        self.seen: list[str] = []
        self.tokens: set[str] = set()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET

            def do_POST(self) -> None:
                hub.take(self)

            do_PUT = do_POST

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
        if path == "/api/whoami-v2":
            owner = self.writers.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            return self.send(request, 200 if owner else 401, json.dumps({"name": owner, "type": "user"}).encode())
        for repo, folder in self.models.items():
            files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
            if path in (f"/api/models/{repo}", f"/api/models/{repo}/revision/main", f"/api/models/{repo}/revision/{COMMIT}"):
                info = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": [{"rfilename": f, "size": (folder / f).stat().st_size} for f in files]}
                return self.send(request, 200, json.dumps({**info, "private": self.private.get(repo, False), "tags": [], "downloads": 0}).encode())
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

    def take(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Uploads, as huggingface_hub sends them: make a repository, ask how, send large files, commit."""
        path = unquote(urlsplit(request.path).path)
        self.seen.append(path)
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        if path.startswith("/lfs/"):  # an address of a storage, which gets no token
            digest = path.removeprefix("/lfs/")
            assert "authorization" not in request.headers and hashlib.sha256(body).hexdigest() == digest
            self.large[digest] = body
            return self.send(request, 200, b"{}")
        if path == "/api/validate-yaml":
            return self.send(request, 200, b'{"errors": [], "warnings": []}')
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.tokens.add(token)
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            if self.writers.get(token) != asked["organization"]:
                return self.send(request, 403, b'{"error": "no rights"}')
            found = {"url": f"{self.url}/{repo}", "name": repo}
            if repo in self.models:
                return self.send(request, 409, json.dumps(found).encode())
            self.models[repo] = self.room / repo
            self.models[repo].mkdir(parents=True)
            self.private[repo] = asked.get("visibility") == "private"
            return self.send(request, 200, json.dumps(found).encode())
        repo = next((repo for repo in self.models if path.startswith((f"/api/models/{repo}/", f"/{repo}.git/"))), None)
        if repo is None or self.writers.get(token) != repo.split("/")[0]:
            return self.send(request, 403, b'{"error": "no rights"}')
        if path.endswith("/preupload/main"):
            files = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular", "shouldIgnore": False} for f in json.loads(body)["files"]]
            return self.send(request, 200, json.dumps({"files": files}).encode())
        if path.endswith("/info/lfs/objects/batch"):
            objects = [{**o, "actions": {"upload": {"href": f"{self.url}/lfs/{o['oid']}"}}} for o in json.loads(body)["objects"]]
            return self.send(request, 200, json.dumps({"transfer": "basic", "objects": objects}).encode())
        for line in map(json.loads, body.splitlines()):  # the commit
            if line["key"] in ("file", "lfsFile"):
                value = line["value"]
                target = self.models[repo] / value["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(base64.b64decode(value["content"]) if line["key"] == "file" else self.large[value["oid"]])
        return self.send(request, 200, json.dumps({"success": True, "commitOid": COMMIT, "commitUrl": f"{self.url}/{repo}/commit/{COMMIT}"}).encode())

    def send(self, request: http.server.BaseHTTPRequestHandler, status: int, data: bytes, headers: dict | None = None) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "Content-Type": "application/json", **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)
