"""Driving a headless Chromium over its debugging protocol, offline."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

websocket = pytest.importorskip("websocket", reason="websocket-client is not installed; it comes with the dev extra")

BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
]
PATIENCE = 60.0


def find():
    """Return the path of a Chromium, or None."""
    return next((path for name in BINARIES if (path := shutil.which(name))), None)


class Chromium:
    """One browser process with one page; everything that the page said or asked for is kept."""

    def __init__(self, binary, profile):
        self.profile = Path(profile)
        command = [binary, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ids = itertools.count(1)
        self.events = []
        self.socket = websocket.create_connection(self._page_address(), timeout=PATIENCE, suppress_origin=True)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def _page_address(self):
        note, deadline = self.profile / "DevToolsActivePort", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if note.exists() and len(lines := note.read_text().splitlines()) == 2:
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list") as answer:
                    pages = [row for row in json.load(answer) if row["type"] == "page"]
                if pages:
                    return pages[0]["webSocketDebuggerUrl"]
            time.sleep(0.1)
        raise TimeoutError(f"Chromium opened no page within {PATIENCE:.0f} s")

    def call(self, method, **params):
        """Send a command; return its result. Events that arrive meanwhile are kept."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "JavaScript failed"))
        return answer["result"].get("value")

    def until(self, expression):
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still false after {PATIENCE:.0f} s: {expression}")
            time.sleep(0.05)

    def open(self, file, width=1280, height=900, dark=False, phone=False):
        """Open a file at a viewport's size and wait until its charts are drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=Path(file).resolve().as_uri())
        self.until("document.readyState === 'complete'")

    def charts_drawn(self):
        self.until("document.documentElement.dataset.charts === 'drawn'")

    def complaints(self):
        """Return what the console and the page's exceptions said at level warning or above."""
        self.evaluate("1")
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"]["exception"].get("description", "exception"))
            if event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str([a.get("value", a.get("description")) for a in params["args"]]))
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
        return found

    def requests(self):
        """Return the addresses asked for, but for the page itself and data it carries."""
        asked = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [address for address in asked if not address.startswith(("data:", "blob:"))][1:]

    def screenshot(self, file, full=True):
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        Path(file).write_bytes(base64.b64decode(answer["data"]))

    def pdf(self, file):
        answer = self.call(
            "Page.printToPDF", printBackground=True, preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69
        )
        Path(file).write_bytes(base64.b64decode(answer["data"]))

    def close(self):
        try:
            self.call("Browser.close")
        finally:
            self.socket.close()
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)
