"""Keys: where they come from, what is refused, what the check says, and that they change while a session runs."""

import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading

import msgpack
import pytest
from alpaca.trading.client import TradingClient
from websockets.asyncio.server import serve

from lockstep.cli import main
from lockstep.engine.errors import ConfigError
from lockstep.live import keys
from lockstep.live.alpaca.rest import Access
from lockstep.live.alpaca.streams import MarketStream, UpdateStream, Watch, stop
from lockstep.live.keys import Keyring, check_address, load, load_webhook
from lockstep.live.keys_check import check

KEY_ID, SECRET = "PKQZ7W3XJ5R8T2Y6V4NB", "s3crtAbcDeFgHiJkLmNoPqRsTuVwXyZ012345678"
OTHER_ID, OTHER = "PKOTHERXJ5R8T2Y6V4NB", "otherAbcDeFgHiJkLmNoPqRsTuVwXyZ012345678"


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path, monkeypatch):
    for name in (*keys.NAMES, keys.ENV_FILE, "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def write(path, mode=0o600, **values):
    """Write a .env file, at once as an editor does, by renaming."""
    new = path.with_suffix(".new")
    new.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    new.chmod(mode)
    new.rename(path)
    return path


def pair(key_id=KEY_ID, secret=SECRET, **others):
    return {keys.KEY_ID: key_id, keys.SECRET_KEY: secret, **others}


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers as Alpaca does, to the keys it knows."""

    def do_GET(self):
        given = self.headers[keys.KEY_HEADER], self.headers[keys.SECRET_HEADER]
        self.server.seen.append((self.path, given))
        code, body = 200, {"bars": {}, "quotes": {}}
        if "feed=sip" in self.path:
            code, body = 403, {"message": "subscription does not permit querying recent SIP data"}
        if self.path.startswith("/v2/account"):
            body = {"id": "d9bdd6e4-1f0f-4d16-b6a5-2a0ad3cf92b1", "account_number": "PA1", "status": self.server.status}
        if given not in self.server.known:
            code, body = 401, {"code": 40110000, "message": f"request is not authorized: {given[1]}"}
        text = self.server.raw or json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


@pytest.fixture
def endpoint():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.known, server.status, server.raw, server.seen = {(KEY_ID, SECRET)}, "ACTIVE", b"", []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def at_endpoint(tmp_path, endpoint):
    """A .env whose keys and both addresses lead to the endpoint."""
    return write(
        tmp_path / ".env", **pair(**{keys.TRADING_URL: endpoint.address, keys.DATA_URL: endpoint.address + "/"})
    )


def test_the_file_is_read_and_named_as_the_origin(tmp_path):
    write(tmp_path / ".env", **pair())
    found = load()
    assert (found.key_id.get_secret_value(), found.secret.get_secret_value()) == (KEY_ID, SECRET)
    assert (found.trading_url, found.data_url) == (keys.PAPER, keys.DATA)
    assert found.origins == {keys.KEY_ID: ".env", keys.SECRET_KEY: ".env"}
    assert found.kind == "paper"


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    write(tmp_path / ".env", **pair())
    monkeypatch.setenv(keys.KEY_ID, OTHER_ID)
    found = load()
    assert found.key_id.get_secret_value() == OTHER_ID
    assert found.secret.get_secret_value() == SECRET
    assert found.origins[keys.KEY_ID] == "environment"


def test_another_file_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv(keys.ENV_FILE, str(write(tmp_path / "paper.env", **pair())))
    assert load().kind == "paper"


def test_nothing_is_interpolated(tmp_path):
    write(tmp_path / ".env", **pair(secret="'${HOME}/bcDeFgHiJkLmNoPqRs'"))
    with pytest.raises(ConfigError, match="holds a character that no key has"):
        load()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    write(tmp_path / ".env", mode, **pair())
    with pytest.raises(ConfigError, match=rf"mode {mode:04o}\); run `chmod 600 .env`"):
        load()


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_file_is_read(tmp_path, mode):
    write(tmp_path / ".env", mode, **pair())
    assert load().key_id.get_secret_value() == KEY_ID


def test_a_link_does_not_hide_the_mode(tmp_path):
    target = write(tmp_path / "open.env", 0o644, **pair())
    (tmp_path / ".env").symlink_to(target)
    with pytest.raises(ConfigError, match="chmod 600"):
        load()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_is_refused(tmp_path, monkeypatch):
    os.chown(write(tmp_path / ".env", **pair()), 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to user 12345"):
        load()


def test_missing_keys_are_named_with_the_remedy():
    with pytest.raises(
        ConfigError, match=r"no APCA_API_KEY_ID and no APCA_API_SECRET_KEY .*\.env\.example.*local venue"
    ):
        load()
    assert not keys.are_set()


def test_the_template_holds_every_name_and_no_value(repository, tmp_path):
    text = (repository / ".env.example").read_text()
    assert [name for name in keys.NAMES if f"{name}=" not in text] == []
    (tmp_path / ".env").write_text(text)
    (tmp_path / ".env").chmod(0o600)
    assert not keys.are_set()
    assert ".env" in (repository / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize(
    ("key_id", "secret", "said"),
    [
        ("PK12", SECRET, "APCA_API_KEY_ID has 4 characters"),
        (KEY_ID, "short", "APCA_API_SECRET_KEY has 5 characters"),
        ('"\\"PKQZ7W3XJ5R8T2Y6V4NB"', SECRET, "APCA_API_KEY_ID holds a character"),
        ('"PKQZ7W3X J5R8T2Y6V4NB"', SECRET, "APCA_API_KEY_ID holds a character"),
        (KEY_ID, "s" * 200, "APCA_API_SECRET_KEY has 200 characters"),
        (SECRET, KEY_ID, "may have changed places"),
    ],
)
def test_what_can_be_no_key_is_refused_without_showing_it(tmp_path, key_id, secret, said):
    write(tmp_path / ".env", **pair(key_id, secret))
    with pytest.raises(ConfigError, match=said) as caught:
        load()
    assert key_id.strip('"\\') not in str(caught.value)
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://paper-api.alpaca.markets", "in the clear"),
        ("http://127.0.0.1.example.com", "in the clear"),
        ("ftp://paper-api.alpaca.markets", "in the clear"),
        ("paper-api.alpaca.markets", "no address"),
        ("https://user:pass@paper-api.alpaca.markets", "no address"),
        ("https://paper-api.alpaca.markets:port", "no address"),
        ("https://[half", "no address"),
        ("https://paper-api.alpaca.markets/v2/", "before /v2"),
    ],
)
def test_addresses_that_would_betray_keys_are_refused(address, said):
    with pytest.raises(ConfigError, match=said):
        check_address(keys.TRADING_URL, address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:80", keys.PAPER])
def test_lawful_addresses_pass(address):
    assert check_address(keys.TRADING_URL, address + "/") == address


def test_a_webhook_is_a_secret_also_where_it_is_wrong(tmp_path):
    assert load_webhook() is None
    write(tmp_path / ".env", **{keys.WEBHOOK: "https://hooks.example.com/services/T0/B0/q1W2e3R4t5Y6"})
    assert "q1W2" not in repr(load_webhook())
    write(tmp_path / ".env", **{keys.WEBHOOK: "http://hooks.example.com/services/T0/B0/q1W2e3R4t5Y6"})
    with pytest.raises(ConfigError, match="in the clear") as caught:
        load_webhook()
    assert "q1W2" not in str(caught.value)


def test_the_check_says_what_works(at_endpoint, endpoint):
    found = {finding.what: finding for finding in check(Keyring())}
    assert found["format"].works
    assert "paper" in found["format"].detail
    assert found["trading"].works
    assert found["data, iex"].works
    assert found["data, sip"].works is None
    assert "subscription does not permit" in found["data, sip"].detail
    assert {given for _, given in endpoint.seen} == {(KEY_ID, SECRET)}


def test_the_check_tells_keys_that_are_refused(at_endpoint, endpoint):
    endpoint.known = set()
    found = {finding.what: finding for finding in check(Keyring())}
    assert [found[what].works for what in ("format", "trading", "data, iex")] == [True, False, False]
    assert "the keys are not valid here (401)" in found["trading"].detail
    assert SECRET not in str(found)


@pytest.mark.parametrize("raw", [b"<html>Bad gateway</html>", b"[]", b"\xff"])
def test_the_check_is_not_fooled_by_another_server(at_endpoint, endpoint, raw):
    endpoint.raw = raw
    found = {finding.what: finding for finding in check(Keyring())}
    assert found["trading"].works is False
    assert "is this the right address" in found["trading"].detail


def test_the_check_tells_an_account_that_may_not_trade(at_endpoint, endpoint):
    endpoint.status = "ACCOUNT_CLOSED"
    found = {finding.what: finding for finding in check(Keyring())}
    assert found["trading"].works is False
    assert "account_closed" in found["trading"].detail


def test_the_check_tells_an_endpoint_of_the_other_kind(tmp_path, monkeypatch):
    write(tmp_path / ".env", **pair(**{keys.TRADING_URL: keys.REAL_MONEY}))
    told = check(Keyring())
    next(told)
    assert next(told).works is False


@pytest.mark.parametrize(("known", "code"), [(True, 0), (False, 2)])
def test_the_command(at_endpoint, endpoint, capsys, known, code):
    if not known:
        endpoint.known = set()
    assert main(["keys", "check", "--json"]) == code
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["what"]: row["works"] for row in rows}["trading"] is known
    assert main(["keys", "check"]) == code
    said = capsys.readouterr()
    assert ("works" if known else "fails") in said.out
    assert SECRET not in said.out + said.err + str(rows)


def test_the_command_without_an_answer(tmp_path, capsys):
    write(tmp_path / ".env", **pair(**{keys.TRADING_URL: "http://127.0.0.1:9", keys.DATA_URL: "http://127.0.0.1:9"}))
    assert main(["keys", "check"]) == 2
    assert "no answer: ConnectionRefusedError" in capsys.readouterr().out


def test_other_keys_are_in_force_without_a_restart(at_endpoint, endpoint):
    """The unmodified SDK's client signs with the keys of the moment, although it was made with the old ones."""
    ring = Keyring()
    old = ring.keys
    client = TradingClient(
        old.key_id.get_secret_value(), old.secret.get_secret_value(), url_override=endpoint.address, raw_data=True
    )
    client._session.auth = ring.auth()
    client.get_account()
    endpoint.known = {(OTHER_ID, OTHER)}
    write(at_endpoint, **pair(OTHER_ID, OTHER, **{keys.TRADING_URL: endpoint.address}))
    assert client.get_account()["status"] == "ACTIVE"
    assert endpoint.seen[-1][1] == (OTHER_ID, OTHER)
    assert not ring.refresh()


def greet(market, signed_in):
    """Return what answers as Alpaca's stream does, keeps the keys it was shown, and then cuts the connection."""

    async def answer(socket):
        if market:
            await socket.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
            given = msgpack.unpackb(await socket.recv())
            signed_in.append((given["key"], given["secret"]))
            await socket.send(msgpack.packb([{"T": "success", "msg": "authenticated"}]))
            await socket.recv()
            await socket.send(msgpack.packb([{"T": "subscription", "bars": ["SPY"]}]))
        else:
            given = json.loads(await socket.recv())["data"]
            signed_in.append((given["key_id"], given["secret_key"]))
            said = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
            await socket.send(json.dumps(said))
            await socket.recv()
            await socket.send(json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}}))
        await asyncio.sleep(0.1)

    return answer


@pytest.mark.parametrize("market", [True, False], ids=["market data", "order updates"])
def test_streams_sign_in_with_the_keys_of_the_moment(tmp_path, market):
    file, signed_in = write(tmp_path / ".env", **pair()), []
    ring = Keyring()

    async def session():
        async with serve(greet(market, signed_in), "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            access = Access("", "", url, url, KEY_ID, SECRET, ring.auth())
            more = ({"bars": ["SPY"]},) if market else ()
            stream = (MarketStream if market else UpdateStream)(access, Watch("x", print), print, print, *more)
            task = asyncio.create_task(stream._run_forever())
            while len(signed_in) < 2:
                await asyncio.sleep(0.02)
            write(file, **pair(OTHER_ID, OTHER))
            while (OTHER_ID, OTHER) not in signed_in:
                await asyncio.sleep(0.02)
            await stop(stream, task)

    asyncio.run(asyncio.wait_for(session(), 30))
    assert signed_in[0] == (KEY_ID, SECRET)
    assert signed_in[-1] == (OTHER_ID, OTHER)


@pytest.mark.parametrize(
    ("values", "mode", "said"),
    [({keys.KEY_ID: OTHER_ID}, 0o600, "no APCA_API_SECRET_KEY"), (pair(OTHER_ID, OTHER), 0o644, "chmod 600")],
)
def test_a_file_half_written_or_open_to_others_changes_nothing(at_endpoint, endpoint, values, mode, said):
    ring = Keyring()
    write(at_endpoint, mode, **values)
    assert not ring.refresh()
    assert said in ring.problem
    assert ring.keys.key_id.get_secret_value() == KEY_ID
    write(at_endpoint, **pair(OTHER_ID, OTHER))
    assert ring.refresh()
    assert ring.problem == ""


def test_a_file_that_is_gone_changes_nothing(at_endpoint):
    ring = Keyring()
    at_endpoint.unlink()
    assert not ring.refresh()
    assert "no APCA_API_KEY_ID" in ring.problem
    assert ring.keys.key_id.get_secret_value() == KEY_ID


def test_a_missing_package_is_named_with_its_extra():
    program = (
        "import sys; sys.modules['dotenv'] = None; from lockstep.cli import main; sys.exit(main(['keys', 'check']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("lockstep: package 'dotenv' is not installed")
    assert "lockstep[live]" in done.stderr
