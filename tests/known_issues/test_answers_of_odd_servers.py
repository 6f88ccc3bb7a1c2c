"""A cut answer of unknown total size counted as the whole file, and an odd header ended pysed fetch in a traceback."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pysed.errors import DataError
from pysed.fetch.download import fetch_file
from pysed.fetch.manifest import RemoteFile

BODY = bytes(range(251)) * 400
PIECE = 30_000


class Odd(BaseHTTPRequestHandler):
    """Gives PIECE bytes a request and never says how many there are in all, but past the end."""

    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        first = int(re.fullmatch("bytes=([0-9]+)-", self.headers.get("Range", "bytes=0-"))[1])
        piece = BODY[first : first + PIECE]
        headers = {"Content-Length": str(len(piece)), "Content-Range": f"bytes {first}-{first + len(piece) - 1}/*"}
        status = 206
        if not piece:
            status, headers["Content-Range"] = 416, f"bytes */{len(BODY)}"
        status, headers = self.server.answer or (status, headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(piece[:cut])
        self.close_connection = True

    def log_message(self, *_):
        pass


@contextmanager
def odd_server(answer=None, cuts=()):
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        server.answer, server.cuts, server.requests = answer, list(cuts), []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("size", [None, len(BODY)])
@pytest.mark.parametrize("cuts", [(), (20_000, 5, 0)])
def test_pieces_of_unknown_total_are_asked_for_to_the_end(tmp_path, size, cuts):
    with odd_server(cuts=cuts) as server:
        remote = RemoteFile("f.bin", f"{server.url}/f.bin", size, None)
        assert fetch_file(remote, tmp_path, wait_s=0.001).read_bytes() == BODY
        first = cuts[0] if cuts else PIECE
        assert server.requests[:2] == [None, f"bytes={first}-"]


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://[::1"}),
        (302, {"Location": "http://a:99999999/"}),
        (206, {"Content-Range": "bytes 0-\xb2/*"}),
        (206, {"Content-Range": f"bytes 0-{'9' * 5000}/*"}),
        (206, {"Content-Range": "bytes 5-1/9"}),
    ],
)
def test_odd_headers_are_told_and_the_next_address_is_tried(tmp_path, answer):
    with odd_server(answer) as odd, odd_server() as good:
        lone = RemoteFile("f.bin", f"{odd.url}/f.bin", None, None)
        with pytest.raises(DataError, match=re.escape(f"{odd.url}/f.bin: ")) as error:
            fetch_file(lone, tmp_path, wait_s=0.001)
        assert "\n" not in str(error.value)
        remote = RemoteFile("f.bin", f"{good.url}/f.bin", None, None)
        assert fetch_file(remote, tmp_path, (odd.url,), wait_s=0.001).read_bytes() == BODY


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1", "x"])
def test_a_length_that_is_none_is_as_none(tmp_path, length):
    with odd_server((200, {"Content-Length": length})) as server:
        remote = RemoteFile("f.bin", f"{server.url}/f.bin", PIECE, None)
        assert fetch_file(remote, tmp_path, wait_s=0.001).read_bytes() == BODY[:PIECE]
