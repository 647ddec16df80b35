"""API keys: from the environment or a ``.env`` file that only its owner can read; replaced while the session runs.

The names are Alpaca's own. A name set in the environment wins over the file. Nothing here prints a key.
"""

import ipaddress
import logging
import os
import stat
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from lockstep.engine.errors import ConfigError

from . import secrecy

log = logging.getLogger(__name__)

KEY_ID, SECRET_KEY = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
TRADING_URL, DATA_URL = "APCA_API_BASE_URL", "APCA_API_DATA_URL"
WEBHOOK = "LOCKSTEP_WEBHOOK"
TOKEN = "LOCKSTEP_TOKEN"
ENV_FILE = "LOCKSTEP_ENV_FILE"
NAMES = (KEY_ID, SECRET_KEY, TRADING_URL, DATA_URL, WEBHOOK, TOKEN)
SECRETS = (KEY_ID, SECRET_KEY, WEBHOOK, TOKEN)

PAPER = "https://paper-api.alpaca.markets"
REAL_MONEY = "https://api.alpaca.markets"
DATA = "https://data.alpaca.markets"

PLAIN_PARTS = ("", "services", "webhooks", "workflows", "triggers")
"""What stands in the path of many a webhook and is no secret."""

KEY_HEADER, SECRET_HEADER = "APCA-API-KEY-ID", "APCA-API-SECRET-KEY"


@dataclass(frozen=True, slots=True)
class Keys:
    """One pair of keys with the endpoints that it is for, and where each value came from."""

    key_id: SecretStr
    secret: SecretStr
    trading_url: str
    data_url: str
    origins: Mapping[str, str]

    @property
    def kind(self) -> str:
        """Say what the key's own letters say it is for: ``paper``, ``real money`` or ``unknown``."""
        return {"PK": "paper", "AK": "real money"}.get(self.key_id.get_secret_value()[:2], "unknown")


def env_file() -> Path:
    """Return the file that is read: ``LOCKSTEP_ENV_FILE``, else ``.env`` in the working directory."""
    return Path(os.environ.get(ENV_FILE) or ".env")


def read_settings(file: Path | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values that are set, and where each came from; secrets are registered with `secrecy` at once.

    Raises
    ------
    ConfigError
        If the file may be read by others than its owner, belongs to somebody else, or is no text.
    """
    file = file or env_file()
    written = _read_file(file)
    values, origins = {}, {}
    for name in NAMES:
        for found, origin in ((os.environ.get(name), "environment"), (written.get(name), str(file))):
            if found and name not in values:
                values[name], origins[name] = found.strip(), origin
    for name in SECRETS:
        if name in values:
            secrecy.register(name, *_parts(name, values[name]))
    return values, origins


def load(file: Path | None = None) -> Keys:
    """Return the keys.

    Raises
    ------
    ConfigError
        If a key is missing or malformed, an endpoint would send it in the clear, or the file is not private.
    """
    values, origins = read_settings(file)
    missing = [name for name in (KEY_ID, SECRET_KEY) if name not in values]
    if missing:
        raise ConfigError(
            f"no {' and no '.join(missing)} in the environment or in {file or env_file()}: copy .env.example to .env, "
            "fill it in, and run `chmod 600 .env`; without keys, `lockstep live` trades against the local venue"
        )
    for name in (KEY_ID, SECRET_KEY):
        check_format(name, values[name])
    trading, data = values.get(TRADING_URL, PAPER), values.get(DATA_URL, DATA)
    return Keys(
        SecretStr(values[KEY_ID]),
        SecretStr(values[SECRET_KEY]),
        check_address(TRADING_URL, trading),
        check_address(DATA_URL, data),
        origins,
    )


def load_webhook(file: Path | None = None) -> SecretStr | None:
    """Return the address to which alerts go, None where none is set; raises as `load` does."""
    values, _ = read_settings(file)
    return SecretStr(check_address(WEBHOOK, values[WEBHOOK])) if WEBHOOK in values else None


def load_token(file: Path | None = None) -> SecretStr | None:
    """Return the token of a session's page, None where none is set and each session makes its own.

    Raises
    ------
    ConfigError
        If it is shorter than 16 characters or has others than letters, digits and ``+/=_-``; or as `load` does.
    """
    values, _ = read_settings(file)
    if TOKEN not in values:
        return None
    check_format(TOKEN, values[TOKEN])
    return SecretStr(values[TOKEN])


def are_set(file: Path | None = None) -> bool:
    """Return whether both keys are set at all, so that a session may choose between paper and the local venue."""
    values, _ = read_settings(file)
    return KEY_ID in values and SECRET_KEY in values


def check_format(name: str, text: str) -> None:
    """Refuse what can be no key: one that was cut, quoted twice or is still the template's.

    Raises
    ------
    ConfigError
        With the name, the length and what was expected; never with the text.
    """
    if not text.isascii() or not all(letter.isalnum() or letter in "+/=_-" for letter in text):
        raise ConfigError(f"{name} holds a character that no key has; paste it again, without quotes or spaces")
    if len(text) < 16 or len(text) > 128:
        raise ConfigError(f"{name} has {len(text)} characters, expected 16 to 128; paste it again, whole")
    if name == KEY_ID and len(text) >= 40:
        raise ConfigError(f"{KEY_ID} is as long as a secret; it may have changed places with {SECRET_KEY}")


def check_address(name: str, address: str) -> str:
    """Return an endpoint without its last slash.

    Raises
    ------
    ConfigError
        If it is no address, ends in ``/v2`` (which is added by itself), or would carry keys in the clear.
    """
    shown = f"{name} (its value is secret)" if name in SECRETS else f"{name}={address}"
    try:
        parts = urllib.parse.urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{shown} is no address; expected something like {PAPER}") from None
    if not host or parts.username is not None:
        raise ConfigError(f"{shown} is no address; expected something like {PAPER}")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigError(f"{shown} would send keys in the clear; use https (http is for this machine alone)")
    if parts.path.rstrip("/").endswith("/v2") and name != WEBHOOK:
        raise ConfigError(f"{shown} must end before /v2, which is added by itself")
    return address.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(name: str, text: str) -> list[SecretStr]:
    """Return what of a value must not be seen: of a webhook what follows its host, part by part."""
    if name != WEBHOOK:
        return [SecretStr(text)]
    _, _, path, query, fragment = urllib.parse.urlsplit(text)
    return [SecretStr(part) for part in (*path.split("/"), query, fragment) if part not in PLAIN_PARTS]


def _read_file(file: Path) -> dict[str, str]:
    try:
        with file.open(encoding="utf-8") as stream:
            # The mode is that of the very file that is read, however its name may change meanwhile.
            _check_private(file, os.fstat(stream.fileno()))
            text = stream.read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    return {name: value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items() if value}


def _check_private(file: Path, found: os.stat_result) -> None:
    if os.name != "posix":
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise ConfigError(f"{file} holds keys and may be used by others (mode {mode:04o}); run `chmod 600 {file}`")
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(f"{file} belongs to user {found.st_uid}, not to you; copy it and make the copy yours")


class Keyring:
    """The keys in force; they change while a session runs when the file does. Thread-safe.

    Each request and each sign-in through `auth` looks whether the file has changed, which takes microseconds. Values
    from the environment are fixed when a process starts, so only keys from the file can be replaced.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or env_file()
        self._lock = threading.Lock()
        self._seen = self._mark()
        self._keys = load(self._file)
        self.problem = ""

    @property
    def keys(self) -> Keys:
        """The keys in force."""
        return self._keys

    def refresh(self) -> bool:
        """Read the file again if it changed; return whether other keys are in force now.

        A file that is half written or wrong leaves the old keys in force; `problem` says why until it is mended.
        """
        with self._lock:
            mark = self._mark()
            if mark == self._seen:
                return False
            self._seen = mark
            try:
                keys = load(self._file)
            except ConfigError as error:
                self.problem = str(error)
                log.warning("the keys stay as they were: %s", error)
                return False
            self.problem = ""
            changed, self._keys = keys != self._keys, keys
            return changed

    def _mark(self) -> tuple[int, ...]:
        try:
            found = self._file.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode

    def auth(self) -> "KeyAuth":
        """Return what signs each request of a ``requests.Session`` with the keys in force at that moment."""
        return KeyAuth(self)


class KeyAuth(AuthBase):
    """Signs requests: ``client._session.auth = keyring.auth()`` also overrules the keys that alpaca-py was given."""

    def __init__(self, ring: Keyring) -> None:
        self._ring = ring

    def pair(self) -> tuple[str, str]:
        """Return key id and secret in force at this moment, for whoever signs in by itself; do not keep them."""
        self._ring.refresh()
        keys = self._ring.keys
        return keys.key_id.get_secret_value(), keys.secret.get_secret_value()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the keys in force into the headers."""
        request.headers[KEY_HEADER], request.headers[SECRET_HEADER] = self.pair()
        return request
