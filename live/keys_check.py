"""`lockstep keys check`: what keys there are, whether they can be keys, and what each endpoint says to them."""

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from .keys import KEY_ID, PAPER, REAL_MONEY, SECRET_KEY, Keyring, Keys, is_loopback
from .secrecy import redact

TIMEOUT = (5.0, 10.0)
UNAUTHORISED, FORBIDDEN, NOT_FOUND, TOO_MANY = 401, 403, 404, 429


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `works` is None where a thing is only told, not tested."""

    what: str
    where: str
    works: bool | None
    detail: str


def check(ring: Keyring) -> Iterator[Finding]:
    """Yield what the keys are, then whether they work for trading and for data, by a harmless request to each."""
    keys = ring.keys
    yield _told(keys)
    yield _address(keys)
    with session(ring, keys.trading_url) as client:
        yield _trading(client, keys)
    with session(ring, keys.data_url) as client:
        yield _data(client, keys, "iex")
        yield _data(client, keys, "sip")


def session(ring: Keyring, address: str) -> requests.Session:
    """Return a session that signs its requests; a proxy is never used for this machine itself."""
    client = requests.Session()
    client.auth = ring.auth()
    client.trust_env = not is_loopback(urllib.parse.urlsplit(address).hostname or "")
    return client


def _told(keys: Keys) -> Finding:
    lengths = f"{len(keys.key_id.get_secret_value())} and {len(keys.secret.get_secret_value())} characters"
    places = ", ".join(dict.fromkeys(keys.origins[name] for name in (KEY_ID, SECRET_KEY)))
    fixed = "" if places != "environment" else "; keys from the environment cannot be replaced without a restart"
    return Finding("format", places, True, f"{lengths}; by its first letters the key is for {keys.kind} trading{fixed}")


def _address(keys: Keys) -> Finding:
    real = urllib.parse.urlsplit(keys.trading_url).hostname == urllib.parse.urlsplit(REAL_MONEY).hostname
    clash = (keys.kind == "paper" and real) or (keys.kind == "real money" and keys.trading_url == PAPER)
    if clash:
        return Finding("endpoint", keys.trading_url, False, f"not the endpoint of a key for {keys.kind} trading")
    detail = "REAL MONEY; a session refuses it unless three things agree" if real else "no real money"
    return Finding("endpoint", keys.trading_url, None, detail)


def _trading(client: requests.Session, keys: Keys) -> Finding:
    answer, trouble = _get(client, f"{keys.trading_url}/v2/account", {})
    if answer is None:
        return Finding("trading", keys.trading_url, False, trouble)
    blocked = [name for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user") if answer.get(name)]
    status = str(answer.get("status", "unknown")).lower()
    detail = f"account is {status}" + (f", {', '.join(blocked)}" if blocked else "")
    return Finding("trading", keys.trading_url, status == "active" and not blocked, detail)


def _data(client: requests.Session, keys: Keys, feed: str) -> Finding:
    # The latest quote is what a free plan is refused of the consolidated tape; older bars are served to all.
    path = "bars" if feed == "iex" else "quotes/latest"
    wanted = {"symbols": "SPY", "feed": feed}
    if feed == "iex":
        wanted |= {"timeframe": "1Day", "limit": "1"}
    answer, trouble = _get(client, f"{keys.data_url}/v2/stocks/{path}", wanted)
    if answer is not None:
        return Finding(f"data, {feed}", keys.data_url, True, "served")
    # Only the plain feed has to work; the other is a matter of one's subscription.
    return Finding(f"data, {feed}", keys.data_url, False if feed == "iex" else None, trouble)


def _get(client: requests.Session, address: str, wanted: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Return the answer, or None and why there is none."""
    try:
        answer = client.get(address, params=wanted, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        return None, redact(f"no answer: {_root(error)}")
    if answer.status_code in (UNAUTHORISED, FORBIDDEN, NOT_FOUND, TOO_MANY) or not answer.ok:
        return None, redact(f"{_refusal(answer.status_code)} ({answer.status_code}): {_words(answer)}")
    found = _object(answer)
    if found is None:
        return None, f"answered {answer.status_code}, but not with JSON: is this the right address?"
    return found, ""


def _refusal(code: int) -> str:
    reasons = {
        UNAUTHORISED: "the keys are not valid here",
        FORBIDDEN: "the keys are not allowed this",
        NOT_FOUND: "nothing at this address",
        TOO_MANY: "too many requests",
    }
    return reasons.get(code, "refused")


def _object(answer: requests.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except requests.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _words(answer: requests.Response) -> str:
    found = _object(answer)
    return str(found["message"])[:200] if found and "message" in found else answer.reason or "no reason given"


def _root(error: BaseException) -> str:
    """Return the innermost cause in a few words: the outer ones repeat addresses."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:200]
