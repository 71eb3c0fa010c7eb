"""A headless Chromium, led through its debugging pipe: no network, no further packages.

Its window can't be narrower than 500 pixels, so phones are emulated.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 120.0  # seconds for one answer


class Browser:
    """A running Chromium."""

    def __init__(self, home: Path) -> None:
        ask, self._out = (_high(fd) for fd in os.pipe())
        self._in, answer = (_high(fd) for fd in os.pipe())
        flags = [*FLAGS, f"--user-data-dir={home / 'profile'}", "about:blank"]
        self._process = os.posix_spawn(
            str(BROWSER),
            [str(BROWSER), *flags],
            {**os.environ, "HOME": str(home)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, ask, 3),
                (os.POSIX_SPAWN_DUP2, answer, 4),
                (
                    os.POSIX_SPAWN_OPEN,
                    2,
                    str(home / "chromium.log"),
                    os.O_WRONLY | os.O_CREAT,
                    0o600,
                ),
            ],
            setsid=True,
        )
        os.close(ask)
        os.close(answer)
        self._rest = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Send a command and wait for its answer; events that arrive meanwhile are kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(end - time.monotonic(), 0))
            assert ready, "chromium doesn't answer"
            piece = os.read(self._in, 1 << 20)
            assert piece, "chromium is gone"
            self._rest += piece
        first, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(first)
        return answer

    @contextlib.contextmanager
    def page(self, path: Path, width: int = 1280, dark: bool = False) -> Iterator[Page]:
        """Open a file in a tab of its own and wait until it is drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, tab)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Page.navigate", url=path.as_uri())
        page.wait()
        yield page
        self.call("Target.closeTarget", targetId=target)

    def close(self) -> None:
        """End the browser, and wait until it has ended."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        for _ in range(100):
            if os.waitpid(self._process, os.WNOHANG)[0]:
                break
            time.sleep(0.05)
        else:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)


class Page:
    """A tab."""

    def __init__(self, browser: Browser, tab: str) -> None:
        self._browser = browser
        self._tab = tab

    def call(self, method: str, **parameters: Any) -> Any:
        return self._browser.call(method, self._tab, **parameters)

    def wait(self) -> None:
        """Until the page has loaded and two frames have passed."""
        end = time.monotonic() + PATIENCE
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < end, "the page doesn't load"
            time.sleep(0.02)
        frames = "requestAnimationFrame(() => requestAnimationFrame(() => done(1)))"
        self.evaluate(f"new Promise(done => {frames})")

    def evaluate(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        given = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def complaints(self) -> list[Any]:
        """What the page wrote to the console, and errors that nobody caught."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return self._told(*kinds)

    def requests(self) -> list[str]:
        """Addresses that the page asked for, besides itself."""
        asked = [
            each["params"]["request"]["url"] for each in self._all("Network.requestWillBeSent")
        ]
        return [url for url in asked[1:] if not url.startswith(("data:", "blob:"))]

    def _told(self, *kinds: str) -> list[Any]:
        return [each["params"] for kind in kinds for each in self._all(kind)]

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [
            each
            for each in self._browser.events
            if each.get("method") == kind and each.get("sessionId") == self._tab
        ]

    def screenshot(self, path: Path) -> None:
        """The whole page as a picture."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it is printed, on A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": False}
        printed = self.call("Page.printToPDF", printBackground=False, **size)
        path.write_bytes(base64.b64decode(printed["data"]))


def _high(fd: int) -> int:
    """The same file under a number that isn't 3 or 4, which are the browser's."""
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return high
