"""Secrets stay out of whatever is written: logs, tracebacks, journals, reports, alerts.

1. A secret is held as pydantic's ``SecretStr``, whose text no repr, str, format or JSON shows.
2. Libraries need the plain text and may print it: websockets logs the frame that signs in (cut in the middle, in hex
   where it is binary), urllib3 the path of a webhook, requests puts addresses into its exceptions. So each secret is
   also registered here, and `redact` replaces every piece of it of 8 characters or more by its name.
3. From the first registration on, every log record, and every traceback that ends a program or a thread, passes through
   `redact`.
"""

import logging
import re
import sys
import threading
import traceback
import urllib.parse
from types import TracebackType
from typing import Any, NamedTuple, TextIO

from pydantic import SecretStr

PIECE = 8
_HEX_PIECE, _HEX_STEP = PIECE * 3 - 1, 3


class _Place(NamedTuple):
    """Where in which secret a piece stands."""

    name: str
    form: str
    start: int


_lock = threading.Lock()
_places: dict[str, list[_Place]] = {}
_pattern: re.Pattern[str] | None = None


def register(name: str, *secrets: SecretStr) -> None:
    """Have `redact` replace these secrets and their pieces by ``[name]``, in plain text, in addresses and in hex.

    Secrets shorter than 8 characters are words that may stand anywhere; they are not replaced.
    """
    global _pattern  # noqa: PLW0603
    with _lock:
        for secret in secrets:
            text = secret.get_secret_value()
            for form in dict.fromkeys((text, urllib.parse.quote(text, safe=""))):
                _add(name, form, PIECE, 1)
            _add(name, text.encode().hex(" "), _HEX_PIECE, _HEX_STEP)
        if _places:
            _pattern = re.compile("|".join(map(re.escape, sorted(_places))))
    _guard()


def _add(name: str, form: str, length: int, step: int) -> None:
    for start in range(0, len(form) - length + 1, step):
        place, known = _Place(name, form, start), _places.setdefault(form[start : start + length], [])
        if place not in known:
            known.append(place)


def redact(text: str) -> str:
    """Return the text with every registered secret, and every piece of one, replaced by its name."""
    pattern = _pattern
    found = pattern.search(text) if pattern else None
    if pattern is None or found is None:
        return text
    parts, done = [], 0
    while found is not None:
        end, name = max((_extent(text, found.start(), place), place.name) for place in _places[found.group()])
        parts += [text[done : found.start()], f"[{name}]"]
        done = end
        found = pattern.search(text, done)
    return "".join([*parts, text[done:]])


def _extent(text: str, begin: int, place: _Place) -> int:
    """Return where a secret that begins in `text` at `begin` ends there."""
    shown, secret = text[begin:], place.form[place.start :]
    same = next(
        (k for k, (a, b) in enumerate(zip(shown, secret, strict=False)) if a != b), min(len(shown), len(secret))
    )
    return begin + same


def _guard() -> None:
    """Redact all log records and final tracebacks of this process; hooks that somebody else has set stay."""
    if not isinstance(logging.getLogRecordFactory(), _Records):
        logging.setLogRecordFactory(_Records(logging.getLogRecordFactory()))
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _end_of_program
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _end_of_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


class _Records:
    """Makes log records without secrets, whatever the handler and formatter."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        said = _message(record)
        if (clean := redact(said)) != said:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[1] is not None:
            _clean_traceback(record, record.exc_info[1])
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return record


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # Arguments that do not fit their text: logging would print both, bare, to the error stream.
        record.msg, record.args = f"{record.msg} {record.args!r}", ()
        return str(record.msg)


def _clean_traceback(record: logging.LogRecord, error: BaseException) -> None:
    """Where a traceback holds a secret, put clean text in place of the exception, which a handler could print."""
    told = "".join(traceback.format_exception(error)).rstrip("\n")
    if (clean := redact(told)) != told:
        record.exc_info, record.exc_text = None, clean


def _print(error: BaseException, stream: TextIO, head: str = "") -> None:
    stream.write(redact(head + "".join(traceback.format_exception(error))))
    stream.flush()


def _end_of_program(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _print(error.with_traceback(trace), sys.stderr)


def _end_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "unknown"
        _print(args.exc_value, sys.stderr, f"Exception in thread {name}:\n")


def _unraisable(args: Any) -> None:
    if args.exc_value is not None:
        _print(args.exc_value, sys.stderr, f"{args.err_msg or 'Exception ignored in'}: {args.object!r}\n")
