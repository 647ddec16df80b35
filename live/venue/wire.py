"""How times, prices and quantities look on the wire."""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b

from lockstep.engine.events import SECOND
from lockstep.engine.instruments import MICROS


def iso(ts: int) -> str:
    """Return ns UTC as RFC 3339, with as many digits after the second as it needs."""
    seconds, rest = divmod(int(ts), SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z" if rest else f"{text}Z"


def when(ts: int) -> str | None:
    """Return ns UTC as RFC 3339, None for 0: it has not happened."""
    return iso(ts) if ts else None


def nanoseconds(text: str) -> int:
    """Return ns UTC of an RFC 3339 time, or of a date: its midnight UTC.

    Raises
    ------
    ValueError
        If it is neither.
    """
    head, dot, tail = text.strip().replace("z", "Z").partition(".")
    digits = ""
    if dot:
        while tail and tail[0].isdigit():
            digits, tail = digits + tail[0], tail[1:]
        head += tail
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * SECOND + int((digits + "0" * 9)[:9])


def decimal(amount: int, unit: int) -> str:
    """Return ``amount / unit`` as a decimal, for units that are powers of ten."""
    places = len(str(unit)) - 1
    sign, size = ("-", -amount) if amount < 0 else ("", amount)
    whole, rest = divmod(size, unit)
    return f"{sign}{whole}.{rest:0{places}d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"


def money(micros: int) -> str:
    """Return micro-dollars in dollars."""
    return decimal(int(micros), MICROS)


def shares(lots: int, per_share: int) -> str:
    """Return lots in shares."""
    return decimal(int(lots), per_share) if per_share > 1 else str(int(lots))


def average(turnover: int, lots: int, per_share: int) -> str:
    """Return the mean price in dollars of lots that cost `turnover` micros, to nine places."""
    price = Decimal(turnover) * per_share / (Decimal(lots) * MICROS)
    return f"{price.quantize(Decimal('1e-9')):f}".rstrip("0").rstrip(".")


def identity(kind: str, number: int | str) -> str:
    """Return a UUID that stands for the n-th thing of a kind; the same in every run."""
    text = blake2b(f"{kind} {number}".encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
