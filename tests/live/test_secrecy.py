"""Planted keys never come out: whatever writes them, whoever raises with them."""

import json
import re
import subprocess
import sys
import textwrap

import pytest
from pydantic import SecretStr

from lockstep.live import secrecy

KEY_ID = "PKQZ7W3XJ5R8T2Y6V4NB"
SECRET = "s3crtA/bcDeFgHiJkLmNoPqRsTuVwXyZ01+23456"
HOOK = "https://hooks.example.com/services/T0AB12CD3/B0EF45GH6/q1W2e3R4t5Y6u7I8o9P0a1S2"
PIECES = [text[k : k + 8] for text in (KEY_ID, SECRET, "q1W2e3R4t5Y6u7I8o9P0a1S2") for k in range(len(text) - 7)]

HEAD = f"""
import asyncio, json, logging, os, sys, threading, http.server
from pathlib import Path
Path(".env").touch(mode=0o600)
Path(".env").write_text("APCA_API_KEY_ID={KEY_ID}\\nAPCA_API_SECRET_KEY={SECRET}\\nLOCKSTEP_WEBHOOK={HOOK}\\n")
from lockstep.live.keys import Keyring, load_webhook
ring, hook = Keyring(), load_webhook()
key, secret, hook = ring.keys.key_id.get_secret_value(), ring.keys.secret.get_secret_value(), hook.get_secret_value()
print(ring.keys, repr(ring.keys), ring)
"""


def leaks(text):
    """Return the pieces of planted keys, plain or in hex, that stand in a text."""
    return [piece for piece in PIECES if piece in text or piece.encode().hex(" ") in text]


def output(tmp_path, body, code=0):
    """Run a program that holds planted keys; return all that it wrote, on both streams and to files."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(body)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    files = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    return done.stdout + done.stderr + files


@pytest.fixture(autouse=True)
def _forget():
    kept = dict(secrecy._places), secrecy._pattern
    yield
    secrecy._places.clear()
    secrecy._places.update(kept[0])
    secrecy._pattern = kept[1]


def test_a_secret_shows_itself_nowhere():
    secret = SecretStr(SECRET)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert leaks(f"{secret} {secret!r} {[secret]} { ({'a': secret}) }") == []


def test_every_piece_of_eight_letters_is_replaced():
    secrecy.register("SECRET", SecretStr(SECRET))
    for begin in range(len(SECRET) - 7):
        for end in range(begin + 8, len(SECRET) + 1):
            assert secrecy.redact(f"<{SECRET[begin:end]}>") == "<[SECRET]>"
    assert secrecy.redact(SECRET[:7]) == SECRET[:7]
    assert secrecy.redact(SECRET[:20] + SECRET) == "[SECRET][SECRET]"


def test_the_longer_of_two_secrets_with_a_common_part_is_replaced_whole():
    secrecy.register("A", SecretStr("abcdefgh12345678"))
    secrecy.register("B", SecretStr("abcdefghijklmnop"))
    assert secrecy.redact("x abcdefghijklmnop y abcdefgh12345678") == "x [B] y [A]"


def test_plain_words_stay():
    secrecy.register("SHORT", SecretStr("paper"))
    assert secrecy.redact("paper trading") == "paper trading"


@pytest.mark.parametrize("formatter", ["%(message)s", "%(levelname)s %(name)s %(message)s %(args)s"])
def test_logging(tmp_path, formatter):
    said = output(
        tmp_path,
        f"""
        logging.basicConfig(level=0, filename="all.log", format={formatter!r})
        log = logging.getLogger("any")
        log.info("key %s secret %r", key, secret)
        log.info(f"in the text {{secret}}")
        log.info("in a record %(a)s", {{"a": secret}})
        log.info({{"headers": {{"APCA-API-SECRET-KEY": secret}}}})
        log.info("too few %s %s", secret)
        log.info("stack", stack_info=True)
        try:
            raise ValueError(f"no good: {{secret}}")
        except ValueError:
            log.exception("with a traceback")
        print("done")
        """,
    )
    assert "done" in said
    assert "[APCA_API_SECRET_KEY]" in said
    assert "ValueError: no good: [APCA_API_SECRET_KEY]" in said
    assert leaks(said) == []


def test_rich_tracebacks_with_locals(tmp_path):
    said = output(
        tmp_path,
        """
        from rich.console import Console
        from rich.logging import RichHandler
        with open("rich.log", "w") as file:
            console = Console(file=file, width=200)
            handler = RichHandler(console=console, rich_tracebacks=True, tracebacks_show_locals=True)
            logging.basicConfig(level=0, handlers=[handler], format="%(message)s")
            try:
                raise ValueError(secret)
            except ValueError:
                logging.exception("seen")
        """,
    )
    assert "seen" in said
    assert leaks(said) == []


ENDS = {
    "program": ("raise RuntimeError(f'{key} {secret}')", 1, ["RuntimeError: [APCA_API_KEY_ID] [APCA_API_SECRET_KEY]"]),
    "group": ("raise ExceptionGroup(secret, [ValueError(secret), KeyError(key)])", 1, ["ExceptionGroup"]),
    "chain": (
        """
        error = ValueError('a')
        error.add_note(secret)
        try:
            raise error
        except ValueError as e:
            raise KeyError(key) from e
        """,
        1,
        ["KeyError", "direct cause"],
    ),
    "thread": (
        """
        def fail():
            raise RuntimeError(secret)
        thread = threading.Thread(target=fail, name='worker')
        thread.start()
        thread.join()
        """,
        0,
        ["Exception in thread worker", "RuntimeError: [APCA_API_SECRET_KEY]"],
    ),
    "destructor": (
        """
        class Bad:
            def __del__(self):
                raise RuntimeError(secret)
        Bad()
        """,
        0,
        ["Exception ignored", "RuntimeError: [APCA_API_SECRET_KEY]"],
    ),
    "task": (
        """
        async def fail():
            raise RuntimeError(secret)
        async def main():
            task = asyncio.create_task(fail())
            await asyncio.sleep(0.01)
        asyncio.run(main())
        """,
        0,
        ["never retrieved"],
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_tracebacks(tmp_path, end):
    body, code, marks = ENDS[end]
    said = output(tmp_path, body, code)
    assert [mark for mark in marks if mark not in said] == []
    assert leaks(said) == []


def test_the_command_line(tmp_path):
    said = output(
        tmp_path,
        """
        from lockstep import cli
        from lockstep.engine.errors import ConfigError
        @cli.app.command()
        def fail():
            raise ConfigError(f"the venue said {secret}")
        print(cli.main(["fail"]))
        """,
    )
    assert "the venue said [APCA_API_SECRET_KEY]" in said
    assert leaks(said) == []


def test_requests_and_alpaca_with_everything_logged(tmp_path):
    """A server that refuses, one that gives no JSON, one that is not there: all logged, and the last error uncaught."""
    said = output(
        tmp_path,
        """
        import http.client, traceback, requests
        logging.basicConfig(level=0, filename="all.log")

        class Echo(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = str(dict(self.headers)).encode()
                self.send_response(403 if "account" in self.path else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_GET
            def log_message(self, *args): pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        from alpaca.common.exceptions import APIError
        from alpaca.trading.client import TradingClient
        calls = 0
        for address in (here, "http://127.0.0.1:9"):
            client = TradingClient(key, secret, url_override=address)
            for call in (client.get_account, client.get_clock):
                try:
                    call()
                except (APIError, requests.RequestException):
                    calls += 1
                    logging.exception("%r %r", client, client._session.headers)
        path = "/services/" + hook.partition("/services/")[2]
        for address in (here + path, "http://127.0.0.1:9" + path):
            try:
                requests.post(address, json={}, timeout=1).raise_for_status()
            except requests.RequestException:
                logging.exception("posting")
        print("calls", calls)
        raise RuntimeError(str(client._get_auth_headers()))
        """,
        1,
    )
    assert "calls 4" in said
    assert "POST /services/[LOCKSTEP_WEBHOOK]/[LOCKSTEP_WEBHOOK]/[LOCKSTEP_WEBHOOK]" in said
    assert "Max retries exceeded" in said
    assert leaks(said) == []


@pytest.mark.parametrize("size", ["75", "100000"])
def test_alpaca_streams_with_everything_logged(tmp_path, monkeypatch, size):
    """Both streams sign in, in text and in msgpack, while websockets logs each frame, whole or cut in the middle."""
    monkeypatch.setenv("WEBSOCKETS_MAX_LOG_SIZE", size)
    said = output(
        tmp_path,
        """
        import msgpack, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from websockets.asyncio.server import serve
        logging.basicConfig(level=0, filename="all.log")
        got = []

        async def answer(socket):
            if "data" in socket.request.path:
                await socket.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
            got.append(await socket.recv())
            reply = [{"T": "error", "code": 402, "msg": "auth failed"}]
            await socket.send(msgpack.packb(reply) if "data" in socket.request.path else json.dumps(
                {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}}))
            await asyncio.sleep(0.2)

        async def main():
            from alpaca.data.live import StockDataStream
            from alpaca.trading.stream import TradingStream
            async with serve(answer, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                async def handler(_): pass
                data = StockDataStream(key, secret, url_override=f"ws://127.0.0.1:{port}/data")
                data.subscribe_bars(handler, "SPY")
                orders = TradingStream(key, secret, url_override=f"ws://127.0.0.1:{port}/stream")
                orders.subscribe_trade_updates(handler)
                tasks = [asyncio.create_task(stream._run_forever()) for stream in (data, orders)]
                await asyncio.sleep(1)
                for task in tasks: task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(main())
        assert any(isinstance(each, bytes) for each in got)
        assert any(isinstance(each, str) for each in got)
        """,
    )
    assert "auth failed" in said
    assert re.search(r"> (TEXT|BINARY).*\[APCA_API_", said)
    assert leaks(said) == []


def test_a_keyring_is_not_pickled_by_accident(tmp_path):
    said = output(
        tmp_path, "import pickle\ntry:\n    pickle.dumps(ring)\nexcept TypeError as error:\n    print('refused', error)"
    )
    assert "refused" in said
