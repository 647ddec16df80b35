"""Where a session trades: a local venue, begun for it or running already, Alpaca's paper account, or real money.

Real money takes three things that agree: the account's number in the scenario, in the environment, and typed in.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockstep.engine.errors import ConfigError, DataError
from lockstep.scenarios.durations import nanoseconds
from lockstep.scenarios.schema import Live

from . import keys
from .alpaca.decode import nanoseconds as instant
from .alpaca.rest import Access, Rest
from .history import patiently

REAL_MONEY_VARIABLE = "LOCKSTEP_REAL_MONEY"
TOKEN_VARIABLE = "LOCKSTEP_VENUE_TOKEN"
LOCAL_KEY, LOCAL_SECRET = "LOCKSTEP", "local-venue"


@dataclass
class Place:
    """A broker that is there: how to reach it, and what it is.

    Parameters
    ----------
    kind : str
        ``local``, ``paper`` or ``real_money``.
    access : Access
        Addresses and keys.
    pace_url : str
        A local venue's pace socket; empty elsewhere.
    process : Popen or None
        The venue, if it was begun for this session.
    """

    kind: str
    access: Access
    pace_url: str = ""
    speed: float = 1.0
    process: subprocess.Popen[str] | None = None

    @property
    def identity(self) -> str:
        """What tells this broker from another; a run is resumed only at its own."""
        return self.access.trading_url

    def close(self) -> None:
        """End the venue that was begun."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def now_and_account(access: Access) -> tuple[int, dict[str, Any]]:
    """Return the broker's time (ns UTC) and account.

    Raises
    ------
    DataError
        If the broker cannot be reached.
    """
    rest = Rest(access)
    told = patiently(rest.clock, "the broker's clock")
    return instant(told["timestamp"]), patiently(rest.account, "account")


# -- local venues ------------------------------------------------------------------------------------------------


def begin_venue(arguments: Sequence[str], live: Live) -> Place:
    """Begin a venue as a process of its own, and wait until it listens.

    Raises
    ------
    DataError
        If it ends instead.
    """
    code = "import sys; from lockstep.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "venue", *arguments, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise DataError(f"the local venue did not start (exit code {process.wait()}); see its message above")
    told = json.loads(line)
    return _local(told["rest"], told["key"], LOCAL_SECRET, told["token"], told["speed"], live, process)


def running_venue(address: str, live: Live) -> Place:
    """Return a venue that is running already.

    Raises
    ------
    ConfigError
        If it cannot be reached with the token in ``LOCKSTEP_VENUE_TOKEN``.
    """
    address = keys.check_address("--venue", address)
    token = os.environ.get(TOKEN_VARIABLE, "")
    request = urllib.request.Request(f"{address}/lockstep/state", headers={"X-Lockstep-Token": token})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            state = json.load(reply)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--venue {address}: no local venue answers there ({error}); begin one with `lockstep venue`, and set "
            f"{TOKEN_VARIABLE} to its token"
        ) from error
    return _local(address, LOCAL_KEY, LOCAL_SECRET, token, str(state["speed"]), live, None)


def _local(address: str, key: str, secret: str, token: str, speed: str, live: Live, process: Any) -> Place:
    base = address.removeprefix("http://")
    access = Access(
        address, address, f"ws://{base}/stream", f"ws://{base}/v2/{live.feed}", key, secret,
        timeout=nanoseconds(live.timeout) / 1e9,
    )  # fmt: skip
    pace = 0.0 if speed == "max" else float(speed.removesuffix("x"))
    return Place("local", access, f"ws://{base}/lockstep/pace?token={token}", pace, process)


# -- Alpaca ------------------------------------------------------------------------------------------------------


def alpaca(live: Live, typed: Callable[[str], str]) -> Place:
    """Return Alpaca's account that the keys are for.

    Parameters
    ----------
    live : Live
        The scenario's table.
    typed : callable
        Asks who sits there to type something, and returns it.

    Raises
    ------
    ConfigError
        If keys are missing or wrong, or real money was not agreed upon three times.
    """
    ring = keys.Keyring()
    held = ring.keys
    real = not _is_paper(held.trading_url)
    stream = held.trading_url.replace("https://", "wss://").replace("http://", "ws://")
    access = Access(
        held.trading_url, held.data_url, f"{stream}/stream", f"wss://stream.data.alpaca.markets/v2/{live.feed}",
        held.key_id.get_secret_value(), held.secret.get_secret_value(), ring.auth(), nanoseconds(live.timeout) / 1e9,
    )  # fmt: skip
    if real:
        _, account = now_and_account(access)
        agree(live, str(account.get("account_number") or ""), os.environ, typed)
    return Place("real_money" if real else "paper", access)


def _is_paper(url: str) -> bool:
    return url == keys.PAPER


def history_access(url: str = "") -> Access:
    """Return where history is asked for: a local venue at an address, or Alpaca, with the keys that are set.

    Raises
    ------
    ConfigError
        If the address is none, or keys are missing or wrong.
    """
    if url:
        address = keys.check_address("url", url)
        return Access(address, address, "", "", LOCAL_KEY, LOCAL_SECRET)
    ring = keys.Keyring()
    held = ring.keys
    pair = held.key_id.get_secret_value(), held.secret.get_secret_value()
    return Access(held.trading_url, held.data_url, "", "", *pair, ring.auth())


def agree(live: Live, account: str, environment: Mapping[str, str], typed: Callable[[str], str]) -> None:
    """Refuse real money unless scenario, environment and typed confirmation all name the account.

    Raises
    ------
    ConfigError
        Names what is missing.
    """
    if not account:
        raise ConfigError("the broker does not say which account this is; nothing is traded with real money")
    if live.real_money != account:
        raise ConfigError(
            f"this is the real-money account {account}, and live.real_money = {live.real_money!r}; use paper keys, or "
            "set it to the account's number if you mean it"
        )
    if environment.get(REAL_MONEY_VARIABLE) != account:
        raise ConfigError(f"real money also takes {REAL_MONEY_VARIABLE}={account} in the environment")
    if typed(f"Type {account} to trade with real money: ").strip() != account:
        raise ConfigError("what was typed is not the account's number; nothing was traded")
