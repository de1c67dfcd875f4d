"""A small reverse proxy on the loopback address: it shows a server under a path, which it takes away, and passes streams on as they come."""

import http.client
import http.server
import threading
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy:
    """`with Proxy(url, "/tools/ftui") as proxy:` shows the server at `url` at `proxy.url`; `proxy.strays` are paths outside of it
    that somebody has asked for."""

    def __init__(self, url: str, prefix: str):
        self.strays: list[str] = []
        proxy, there = self, urlsplit(url)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"  # an answer ends where the connection does: streams need no lengths

            def do_GET(self) -> None:
                if not self.path.startswith(prefix + "/"):
                    proxy.strays.append(self.path)
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                upstream = http.client.HTTPConnection(there.hostname, there.port, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP | {"host"}}
                headers |= {"Host": there.netloc, "X-Forwarded-Host": self.headers["host"], "X-Forwarded-Proto": "http", "Content-Length": str(len(body))}
                upstream.request(self.command, self.path.removeprefix(prefix), body, headers)
                answer = upstream.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.end_headers()
                try:
                    while part := answer.read1(65536):
                        self.wfile.write(part)
                except OSError:
                    pass  # the browser has gone
                finally:
                    upstream.close()

            do_POST = do_HEAD = do_GET

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{prefix}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
