"""Headless Chromium over its DevTools protocol: what tours and screenshots need."""

import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path

import requests
import websocket

from .waiting import wait_for

EXECUTABLES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-breakpad",
    "--disable-default-apps",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1366,1200",
)


class TourFailed(AssertionError):
    pass


class Browser:
    """One tab, in which a user of the server is logged in.

    Requests to other machines are refused; each console error fails the tour.
    """

    def __init__(self, server, folder):
        self.server = server
        self.folder = Path(folder)
        self.console = []
        self._ids = itertools.count(1)
        self._events = deque()
        self._answers = {}
        self._asked = set()

    def __enter__(self):
        executable = next(filter(None, map(shutil.which, EXECUTABLES)), None)
        # not a skip: a browser test that did not run has not passed
        assert executable, "the browser tests need Chromium or Chrome on PATH"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._profile = Path(tempfile.mkdtemp(prefix="crm-plus-browser-"))
        self._process = subprocess.Popen(
            [executable, *SWITCHES, f"--user-data-dir={self._profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _connect(self):
        port_file = self._profile / "DevToolsActivePort"
        port = wait_for(
            "port of the browser",
            lambda: port_file.exists() and port_file.read_text().split("\n")[0],
            timeout=60,
        )
        pages = wait_for(
            "tab of the browser",
            lambda: [
                page
                for page in requests.get(
                    f"http://127.0.0.1:{port}/json", timeout=10
                ).json()
                if page["type"] == "page"
            ],
        )
        self._socket = websocket.create_connection(
            pages[0]["webSocketDebuggerUrl"], suppress_origin=True, timeout=1
        )
        self._ask("Runtime.enable")
        self._ask("Page.enable")
        self._ask("Fetch.enable")
        self._ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=1366,
            height=1200,
            deviceScaleFactor=1,
            mobile=False,
        )

    # ------------------------------------------------------------
    # What it is for
    # ------------------------------------------------------------

    def log_in(self, person):
        self._ask(
            "Network.setCookie",
            name="session_id",
            value=person.session.cookies["session_id"],
            domain="127.0.0.1",
            path="/",
        )

    def open(self, path):
        self._ask("Page.navigate", url=self.server.url + path)

    def wait_for_script(self, what, expression, timeout=60):
        """Until a JavaScript expression is true; promises are waited for."""
        deadline = time.monotonic() + timeout
        while not self._is_true(expression):
            if time.monotonic() > deadline:
                self.screenshot("failed")
                raise TourFailed(f"{what}: not after {timeout} s\n{self._tail()}")
            self._pump(0.1)

    def check_console(self):
        """Fail on what the page has complained of."""
        errors = [text for kind, text in self.console if kind in ("error", "exception")]
        assert not errors, "\n".join(errors)

    def run_tour(self, name, path="/odoo", timeout=120, shots=()):
        """Run one of Odoo's tours.

        :param shots: ``{words: name}``; the screen is kept under that name when the
            step that the words describe is over
        """
        shots, due = dict(shots), None
        # "tests" adds the bundle of tours to the page, as Odoo's test mode does
        self.open(f"{path}{'&' if '?' in path else '?'}debug=tests")
        self.wait_for_script(
            f"tour {name}",
            "typeof odoo === 'object' && !!odoo.isTourReady"
            f" && odoo.isTourReady({name!r})",
        )
        self.screenshot("start")
        started = len(self.console)
        options = json.dumps(
            {
                "stepDelay": 0,
                "keepWatchBrowser": False,
                "debug": False,
                "startUrl": path,
            }
        )
        self._ask("Runtime.evaluate", expression=f"odoo.startTour({name!r}, {options})")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._pump(0.2)
            while started < len(self.console):
                kind, text = self.console[started]
                started += 1
                if kind in ("error", "exception"):
                    self.screenshot("failed")
                    raise TourFailed(f"tour {name}: {text}\n{self._tail()}")
                if text == "tour succeeded":
                    self.screenshot(due or "end")
                    self._check_saved(name)
                    return
                if " → Step " in text:  # said before the step looks for its element
                    if due:
                        self.screenshot(due)
                    due = next((shots.pop(w) for w in list(shots) if w in text), None)
        self.screenshot("failed")
        raise TourFailed(f"tour {name}: not done after {timeout} s\n{self._tail()}")

    def _check_saved(self, tour):
        dirty = self._is_true("!!document.querySelector('.o_form_dirty')")
        assert not dirty, f"tour {tour} left a form unsaved"

    def screenshot(self, name):
        # requests of the page wait meanwhile: what is shown stays
        answer = self._ask("Page.captureScreenshot", hold_requests=True)
        path = self.folder / f"{name}.png"
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    # ------------------------------------------------------------
    # The protocol
    # ------------------------------------------------------------

    def _is_true(self, expression):
        answer = self._ask(
            "Runtime.evaluate",
            expression=f"Promise.resolve({expression}).catch(() => false)",
            awaitPromise=True,
            returnByValue=True,
        )
        return bool(answer.get("result", {}).get("value"))

    def _tail(self):
        return "\n".join(f"{kind}: {text}" for kind, text in self.console[-15:])

    def _send(self, method, **params):
        number = next(self._ids)
        self._socket.send(
            json.dumps({"id": number, "method": method, "params": params})
        )
        return number

    def _ask(self, method, hold_requests=False, timeout=60, **params):
        number = self._send(method, **params)
        self._asked.add(number)
        deadline = time.monotonic() + timeout
        while number not in self._answers:
            if time.monotonic() > deadline:
                raise TourFailed(f"the browser does not answer {method}")
            self._receive(0.5, hold_requests)
        answer = self._answers.pop(number)
        self._asked.discard(number)
        if not hold_requests:
            self._handle_events()
        if "error" in answer and "Cannot find context" not in str(answer["error"]):
            # a navigation takes the page from under a question: asked again
            if method != "Runtime.evaluate":
                raise TourFailed(f"{method}: {answer['error']}")
        return answer.get("result", {})

    def _pump(self, seconds):
        deadline = time.monotonic() + seconds
        self._handle_events()
        while (left := deadline - time.monotonic()) > 0:
            if self._receive(left):
                return

    def _receive(self, timeout, hold_requests=False):
        """Take one message; return whether there was one."""
        self._socket.settimeout(max(timeout, 0.01))
        try:
            message = json.loads(self._socket.recv())
        except websocket.WebSocketTimeoutException:
            return False
        if "id" in message:
            if message["id"] in self._asked:
                self._answers[message["id"]] = message
        else:
            self._events.append(message)
            if not hold_requests:
                self._handle_events()
        return True

    def _handle_events(self):
        while self._events:
            event = self._events.popleft()
            params = event["params"]
            if event["method"] == "Fetch.requestPaused":
                self._on_request(params)
            elif event["method"] == "Runtime.consoleAPICalled":
                self._on_console(params)
            elif event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                text = details.get("exception", {}).get("description", details["text"])
                self.console.append(("exception", text))

    def _on_request(self, params):
        # fire and forget: the page may be gone when the answer comes
        if params["request"]["url"].startswith(self.server.url):
            self._send("Fetch.continueRequest", requestId=params["requestId"])
        else:
            self._send(
                "Fetch.fulfillRequest", requestId=params["requestId"], responseCode=404
            )

    def _on_console(self, params):
        texts = [
            str(part.get("value", part.get("description", "")))
            for part in params.get("args", [])
        ]
        text = re.sub(r"%[csdoO]", "", " ".join(texts))
        self.console.append((params["type"], text))
