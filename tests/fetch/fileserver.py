"""A small HTTP server on this machine that can cut connections, lack ranges, lack files and send other bytes."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["no_proxy"] = "127.0.0.1"  # whatever proxy this machine uses otherwise


class Server:
    """Files by name, and how to misbehave; ``requests`` notes (name, Range header)."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cuts: list[int] = []  # each answer in turn breaks off after so many bytes
        self.statuses: list[int] = []  # each answer in turn is this error
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/files"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        name, wanted = handler.path.rsplit("/", 1)[1], handler.headers.get("Range")
        self.requests.append((name, wanted))
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if name not in self.files:
            handler.send_error(404)
            return
        body, start = self.files[name], 0
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(body)}")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else len(body)
        handler.wfile.write(body[start:end])
        handler.close_connection = True


@contextmanager
def serving() -> Iterator[Server]:
    """A running server, shut down at the end."""
    server = Server()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


def md5(body: bytes) -> str:
    """md5 of bytes as hex digits."""
    return hashlib.md5(body).hexdigest()
