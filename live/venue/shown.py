"""Account, positions and assets as the trading API shows them."""

from typing import Any

from lockstep.engine.instruments import MICROS

from . import margin
from .core import Venue
from .wire import average, identity, iso, money, shares


def account(venue: Venue) -> dict[str, Any]:
    """Return the account: cash, equity and buying power."""
    header, positions = venue.desk.header, venue.desk.counter.world.positions
    values = positions["value"]
    long, short = int(values[values > 0].sum()), int(values[values < 0].sum())
    power = money(margin.buying_power(venue.desk))
    return {
        "id": identity("account", 1),
        "account_number": "PALOCAL00001",
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": money(header.cash),
        "equity": money(header.equity),
        "last_equity": money(header.session_equity),
        "portfolio_value": money(header.equity),
        "buying_power": power,
        "regt_buying_power": power,
        "daytrading_buying_power": power,
        "non_marginable_buying_power": money(max(int(header.cash), 0)),
        "effective_buying_power": power,
        "long_market_value": money(long),
        "short_market_value": money(short),
        "position_market_value": money(long - short),
        "initial_margin": money((long - short) // 2),
        "maintenance_margin": money((long - short) // 4),
        "last_maintenance_margin": "0",
        "multiplier": str(venue.desk.multiplier),
        "sma": "0",
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "shorting_enabled": int(header.equity) >= margin.SHORT_EQUITY,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": iso(venue.recording.starts),
        "balance_asof": iso(venue.now)[:10],
    }


def position(venue: Venue, place: int) -> dict[str, Any]:
    """Return a position that is not empty."""
    instrument, row = venue.recording.instruments[place], venue.desk.position(place)
    lots, value, basis = int(row["quantity"]), int(row["value"]), int(row["basis"])
    per_share, gain = instrument.lots_per_unit, value - basis
    reserved = min(margin.held_for_orders(venue.desk, place, buys=lots < 0), abs(lots))
    free = abs(lots) - reserved
    ratio = f"{gain / abs(basis):.9f}" if basis else "0"
    return {
        "asset_id": identity("asset", instrument.symbol),
        "symbol": instrument.symbol,
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "avg_entry_price": average(abs(basis), abs(lots), per_share),
        "qty": shares(lots, per_share),
        "qty_available": shares(free if lots > 0 else -free, per_share),
        "side": "long" if lots > 0 else "short",
        "market_value": money(value),
        "cost_basis": money(basis),
        "unrealized_pl": money(gain),
        "unrealized_plpc": ratio,
        "current_price": money(int(row["mark"])),
    }


def asset(venue: Venue, place: int) -> dict[str, Any]:
    """Return an asset."""
    instrument = venue.recording.instruments[place]
    proxy = venue.recording.proxies.get(instrument.symbol)
    active, whole = bool(venue.desk.position(place)["active"]), instrument.lots_per_unit == 1
    return {
        "id": identity("asset", instrument.symbol),
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": instrument.symbol,
        "name": f"{instrument.symbol}, played by {proxy}" if proxy else instrument.symbol,
        "status": "active" if active else "inactive",
        "tradable": active,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "shortable": instrument.shortable,
        "easy_to_borrow": instrument.shortable,
        "borrow_status": "easy_to_borrow" if instrument.shortable else "not_shortable",
        "fractionable": not whole,
        "min_order_size": None if whole else 1 / instrument.lots_per_unit,
        "min_trade_increment": None if whole else 1 / instrument.lots_per_unit,
        "price_increment": min(instrument.tick, 10_000) / MICROS,
        "attributes": [f"lockstep_proxy:{proxy}"] if proxy else [],
    }
