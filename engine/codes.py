"""Codes of orders: what they are, how long they last, how they stand, and why."""

from enum import IntEnum


class OrderType(IntEnum):
    """How an order meets the market."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING_STOP = 4


class TimeInForce(IntEnum):
    """How long an order lasts."""

    DAY = 0
    GTC = 1
    IOC = 2
    FOK = 3
    OPG = 4
    CLS = 5


class Status(IntEnum):
    """Where an order stands; `FILLED` and everything after it is final."""

    FREE = 0
    PROPOSED = 1
    HELD = 2
    SUBMITTED = 3
    ACCEPTED = 4
    PARTIAL = 5
    PENDING_CANCEL = 6
    PENDING_REPLACE = 7
    FILLED = 16
    CANCELLED = 17
    EXPIRED = 18
    REJECTED = 19
    REFUSED = 20
    REPLACED = 21


class Update(IntEnum):
    """What an order event says."""

    ACCEPTED = 1
    FILL = 2
    CANCELLED = 3
    EXPIRED = 4
    REJECTED = 5
    REPLACED = 6
    TRIGGERED = 7
    CANCEL_REJECTED = 8
    REPLACE_REJECTED = 9
    ACTIVATED = 10
    RESCALED = 11
    CASH_FLOW = 12
    ADJUSTED = 13


class Reason(IntEnum):
    """Why an order was shrunk, refused, cancelled, expired or left unfilled."""

    NONE = 0
    POSITION_LIMIT = 1
    SECTOR_LIMIT = 2
    GROSS_LIMIT = 3
    DAILY_LOSS = 4
    ORDER_SIZE = 5
    ORDER_RATE = 6
    PRICE_COLLAR = 7
    NOT_SHORTABLE = 8
    KILL_SWITCH = 9
    NO_PRICE = 10
    CAPACITY = 11
    INVALID = 12
    DELISTED = 13
    GROUP = 14
    SLEEVE_RULE = 15
    ZERO_QUANTITY = 16
    EQUITY = 17
    NOT_LISTED = 18
    REDUCE_ONLY = 19
    BY_STRATEGY = 32
    SESSION_END = 33
    IMMEDIATE = 34
    FILL_OR_KILL = 35
    AUCTION_PASSED = 36
    OTHER_EXIT = 37
    PARENT_DONE = 38
    SPLIT = 39
    END_OF_DATA = 40
    NOT_REACHED = 41
    NO_VOLUME = 42
    NOT_TRIGGERED = 43
    WAITING = 44
    HALTED = 45
    VOLUME_CAP = 46
    UNKNOWN_ORDER = 47
    BROKER = 48
    STALE = 49


class Trigger(IntEnum):
    """What a fill's price came from."""

    OPEN = 0
    LIMIT = 1
    STOP = 2
    CLOSE = 3
    QUOTE = 4
    TRADE = 5
    CROSS = 6
    TERMINAL = 7


class Fault(IntEnum):
    """Why a world cannot go on."""

    NONE = 0
    QUEUE = 1
    MONEY = 2


MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING_STOP = (int(x) for x in OrderType)
DAY, GTC, IOC, FOK, OPG, CLS = (int(x) for x in TimeInForce)
QUEUE_FULL, MONEY_FULL = int(Fault.QUEUE), int(Fault.MONEY)
FIRST_FINAL = int(Status.FILLED)
