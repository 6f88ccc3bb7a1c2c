"""A headless Chromium, driven over the pipe of its DevTools protocol."""

import json
import os
import shutil
import subprocess
import time

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe", "--no-first-run", "--mute-audio",
)  # fmt: skip
LIMIT_S = 60


class Browser:
    """One page: goes to addresses, evaluates JavaScript, keeps what the console and the network said."""

    def __init__(self, profile):
        self._number, self.events = 0, []
        in_read, self._write = os.pipe()
        self._read, out_write = os.pipe()
        program = f'exec 3<&{in_read} 4>&{out_write}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", program, PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(in_read, out_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(in_read)
        os.close(out_write)
        self._rest, self._session = b"", None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters) -> dict:
        """The result of one command of the protocol; what happens meanwhile is kept in ``events``."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, address: str) -> float:
        """Go there and wait until all is loaded; returns the seconds it took."""
        started = time.monotonic()
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
            assert time.monotonic() - started < LIMIT_S
        return time.monotonic() - started

    def evaluate(self, script: str):
        """The value of an expression, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
