"""A seeded market and account that write a run folder by the schema, with an exact ledger of their own.

Independent of the engine on purpose: the reports are checked against numbers that another program kept.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DAY = 86_400_000_000_000
OPEN, CLOSE = 52_200_000_000_000, 75_600_000_000_000  # 14:30 and 21:00 UTC
LOTS = 1_000
COLUMNS = {
    "decisions": "ts order_id group sleeve symbol quantity approved verdict code limit:f value:f",
    "orders": "order_id group parent sleeve symbol type tif quantity filled limit_price stop_price ts_submitted "
    "ts_done status reason average_price",
    "fills": "ts ts_known order_id sleeve symbol quantity price fee commission regulatory spread_cost impact_cost "
    "realised position_after reason",
    "equity": "ts equity cash gross net",
    "marks": "ts symbol mark quantity value realised fees dividends borrow",
    "sleeves": "ts sleeve equity gross realised fees",
    "flows": "ts symbol kind amount",
    "series": "ts name value:f",
    "benchmark": "ts name value:f",
    "events": "ts symbol kind detail",
}
TEXT = {"sleeve", "symbol", "verdict", "code", "type", "tif", "status", "reason", "kind", "name", "detail"}


def half_even(numerator, denominator):
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


@dataclass
class Book:
    """One instrument: average-cost basis and running totals, all in micros and lots."""

    quantity: int = 0
    basis: int = 0
    realised: int = 0
    fees: int = 0
    dividends: int = 0
    borrow: int = 0
    mark: int = 0

    @property
    def value(self):
        return half_even(self.quantity * self.mark, LOTS)

    def trade(self, quantity, price):
        """Book a fill; returns (cash, realised)."""
        cash, gain = -half_even(quantity * price, LOTS), 0
        closing = min(abs(quantity), abs(self.quantity)) if quantity * self.quantity < 0 else 0
        part = half_even(cash * closing, abs(quantity))
        if closing:
            released = half_even(self.basis * closing, abs(self.quantity))
            gain, self.basis = part - released, self.basis - released
        self.basis += -(cash - part)
        self.quantity += quantity
        self.realised += gain
        return cash, gain


@dataclass
class Fabric:
    """What to fabricate; ``seed`` decides everything else."""

    seed: int = 7
    symbols: tuple = ("AAPL", "BRK.B", "IBM", "KO", "MSFT", "XOM")
    sessions: int = 504
    slices: int = 1
    sleeves: tuple = ("trend", "reversal")
    start: str = "2015-01-02"
    every: int = 5
    delists: bool = False
    title: str = "Fabricated momentum portfolio"
    warnings: tuple = ()
    rows: dict = field(default_factory=lambda: {name: [] for name in COLUMNS})

    def run(self):
        self.rng = np.random.default_rng(self.seed)
        self.books = {symbol: Book() for symbol in self.symbols}
        self.initial = self.cash = 1_000_000_000_000
        self.owned = dict.fromkeys(self.sleeves, self.initial // len(self.sleeves))
        self.gone = ""
        self.order_id, self.unfilled, self.counts = 0, {}, {"refused": 0}
        self.days = pd.bdate_range(self.start, periods=self.sessions)
        self.paths()
        for d, day in enumerate(self.days):
            self.session(d, int(day.value))
        return self

    def paths(self):
        n, rng = len(self.symbols), self.rng
        regime = np.where(np.sin(np.arange(self.sessions) / 90) > -0.6, 1.0, 2.2)[:, None]
        common = 0.0004 + 0.008 * regime * rng.standard_t(5, (self.sessions, 1)) / 1.3
        steps = common + 0.010 * regime * rng.standard_normal((self.sessions, n)) + 0.0002
        level = 60 * np.exp(rng.normal(0, 0.5, n)) * np.exp(np.cumsum(steps, axis=0))
        self.close = np.maximum(np.rint(level * 100), 100).astype(int) * 10_000
        gaps = np.exp(0.003 * rng.standard_normal(level.shape))
        self.open = np.maximum(np.rint(level / np.exp(steps) * gaps * 100), 100).astype(int) * 10_000
        market = 200 * np.exp(np.cumsum(common[:, 0] + 0.0001))
        self.benchmark = np.rint(market * 1e4) / 1e4

    def session(self, d, midnight):
        self.corporate(d, midnight)
        if d % self.every == self.every - 1:
            self.rebalance(d, midnight + OPEN)
        for i, book in enumerate(self.books.values()):
            book.mark = int(self.close[d, i])
        self.charges(d, midnight + CLOSE)
        self.mark(d, midnight)

    def corporate(self, d, ts):
        if d == self.sessions // 3:
            symbol = self.symbols[0]
            self.split(symbol, d)
            self.add("events", ts, symbol, "split", "2:1")
        if self.delists and d == self.sessions * 3 // 4:
            self.delist(self.symbols[-1], ts)
        if d % 63 == 40:
            for symbol, book in list(self.books.items())[::2]:
                amount = half_even(book.quantity * 250_000, LOTS)
                book.dividends += amount
                self.add("events", ts, symbol, "dividend", "0.25 USD")
                if amount:
                    self.flow(ts, symbol, "dividend" if amount > 0 else "dividend_paid", amount)

    def split(self, symbol, d):
        column = self.symbols.index(symbol)
        self.books[symbol].quantity *= 2
        for prices in (self.close, self.open):
            prices[d:, column] = np.maximum(prices[d:, column] // 20_000, 50) * 10_000

    def delist(self, symbol, ts):
        book = self.books[symbol]
        book.mark //= 2
        worth = book.value
        book.trade(-book.quantity, book.mark)
        self.flow(ts, symbol, "terminal", worth)
        self.add("events", ts, symbol, "delist", "5 dollars a share")
        self.gone = symbol

    def rebalance(self, d, ts):
        for i, symbol in enumerate(self.symbols):
            sleeve = self.sleeves[i % len(self.sleeves)]
            look = self.close[d - 1, i] / self.close[max(0, d - 20), i] - 1
            weight = float(np.clip(np.sign(look) * (0.5 + self.rng.random()) / len(self.symbols), -0.24, 0.24))
            wanted = int(weight * self.initial / self.open[d, i] * 10) * LOTS // 10
            self.order(d, ts, i, symbol, sleeve, wanted - self.books[symbol].quantity)

    def order(self, d, ts, i, symbol, sleeve, quantity):
        if quantity == 0 or symbol == self.gone:
            return
        self.order_id += 1
        price, draw = int(self.open[d, i]), self.rng.random()
        verdict, code, approved = "approved", "", quantity
        if draw < 0.04:
            verdict, code, approved = "refused", "price_collar", 0
        elif draw < 0.12:
            verdict, code, approved = "shrunk", "position_limit", int(quantity * 0.6) // 10 * 10
        limits = (0.0, 0.0) if not code else (0.25, 0.25 + float(draw))
        decided = ts - OPEN + CLOSE - DAY
        self.add("decisions", decided, self.order_id, 0, sleeve, symbol, quantity, approved, verdict, code, *limits)
        self.counts["refused"] += verdict == "refused"
        if approved:
            self.fill(ts, decided, symbol, sleeve, approved, price, draw)

    def fill(self, ts, decided, symbol, sleeve, quantity, price, draw):
        limit = draw > 0.85
        filled = 0 if draw > 0.95 else int(quantity * 0.5) if draw > 0.92 else quantity
        reason = "not_reached" if draw > 0.95 else "volume_cap" if draw > 0.92 else ""
        if reason:
            self.unfilled[reason] = self.unfilled.get(reason, 0) + 1
        kind, tif, status = ("limit" if limit else "market"), "day", "expired" if reason else "filled"
        row = (self.order_id, 0, 0, sleeve, symbol, kind, tif, quantity, filled, price if limit else 0, 0, decided, ts)
        self.add("orders", *row, status, reason, price if filled else 0)
        if not filled:
            return
        book, side = self.books[symbol], 1 if quantity > 0 else -1
        shares = abs(filled) / LOTS
        spread, impact = int(shares * price * 1e-4), int(shares * price * 2e-4 * np.sqrt(shares / 1e4))
        paid = price + side * (int((spread + impact) / shares) // 10_000) * 10_000
        cash, gain = book.trade(filled, paid)
        commission = max(1_000_000, int(shares * 5_000))
        regulatory = int(-cash * -27.8e-6) if filled < 0 else 0
        fee = commission + regulatory
        self.pay(symbol, cash - fee)
        book.fees += fee
        trigger = "limit" if limit else "open"
        head = (ts, ts + 50_000_000, self.order_id, sleeve, symbol, filled, paid, fee, commission, regulatory)
        self.add("fills", *head, spread, impact, gain, book.quantity, trigger)

    def charges(self, d, ts):
        for symbol, book in self.books.items():
            if book.quantity < 0 and d % 7 == 0:
                fee = int(-book.value * 0.003 * 7 / 360)
                book.borrow += fee
                self.flow(ts, symbol, "borrow", -fee)
        if self.cash < 0:
            self.flow(ts, "", "interest", -int(-self.cash * 0.07 / 360))

    def flow(self, ts, symbol, kind, amount):
        self.pay(symbol, amount)
        self.add("flows", ts, symbol, kind, amount)

    def mark(self, d, midnight):
        values = {symbol: book.value for symbol, book in self.books.items()}
        gross, net = sum(abs(v) for v in values.values()), sum(values.values())
        wiggle = 0.002 * self.rng.standard_normal(self.slices)
        wiggle[-1] = 0.0
        step = (CLOSE - OPEN) // self.slices
        for k in range(self.slices):
            ts = midnight + CLOSE - step * (self.slices - 1 - k)
            moved = int(net * wiggle[k])
            self.add("equity", ts, self.cash + net + moved, self.cash, gross, net + moved)
        ts = midnight + CLOSE
        for symbol, b in self.books.items():
            self.add("marks", ts, symbol, b.mark, b.quantity, values[symbol], b.realised, b.fees, b.dividends, b.borrow)
        self.mark_sleeves(ts, values)
        self.add("series", ts, "breadth", float(np.mean(self.close[d] > self.close[max(0, d - 50)])))
        self.add("series", ts, "spread z-score", float(self.rng.standard_normal()))
        self.add("benchmark", ts, "Equal weight", float(self.benchmark[d]))

    def mark_sleeves(self, ts, values):
        for k, sleeve in enumerate(self.sleeves):
            mine = [symbol for i, symbol in enumerate(self.symbols) if i % len(self.sleeves) == k]
            equity = self.owned[sleeve] + sum(values[symbol] for symbol in mine)
            gross = sum(abs(values[symbol]) for symbol in mine)
            books = [self.books[symbol] for symbol in mine]
            self.add("sleeves", ts, sleeve, equity, gross, sum(b.realised for b in books), sum(b.fees for b in books))

    def pay(self, symbol, amount):
        """Book cash to the account and to the sleeve that trades the symbol (interest: to the first sleeve)."""
        column = self.symbols.index(symbol) if symbol else 0
        self.cash += amount
        self.owned[self.sleeves[column % len(self.sleeves)]] += amount

    def add(self, table, *row):
        self.rows[table].append(row)

    def manifest(self):
        rows, n = self.rows, len(self.sleeves)
        counts = {name: len(rows[name]) for name in ("orders", "fills", "decisions")}
        instruments = [
            dict(
                symbol=s,
                id=f"id-{i}",
                sector=("Tech", "Energy")[i % 2],
                tick=10_000,
                lots_per_unit=LOTS,
                close_only=False,
            )
            | dict(synthetic=True)
            for i, s in enumerate(self.symbols)
        ]
        finding = dict(rule="gap", count=3, detail="2015-03-04, 2015-06-09, 2016-01-05")
        data = dict(
            dataset="fabric", kind="bars", hash="9f3a" * 8, rows=self.sessions * len(self.symbols), adjusted="raw"
        )
        data |= dict(
            first=str(self.days[0].date()), last=str(self.days[-1].date()), source="seeded generator", licence="n/a"
        )
        data |= dict(synthetic=True, survivorship=True, findings=[finding])
        config = dict(
            title=self.title,
            seed=self.seed,
            data=dict(dataset="fabric", symbols=list(self.symbols)),
            costs=dict(commission="per_share", commission_per_share=0.005, impact=1.0, half_spread_bps=1.0),
            execution=dict(latency_ns=50_000_000, volume_share=0.1, fill_on_touch=False),
            risk=dict(max_position=0.25, max_gross=float("inf"), kill=False),
            sleeves=[
                dict(name=s, strategy="lockstep.strategies.demo", parameters=dict(window=20)) for s in self.sleeves
            ],
        )
        return dict(
            schema=1,
            run="fabric-0001",
            scenario="fabric",
            title=self.title,
            description="Built by the tests.",
            config=config,
            command="lockstep backtest fabric --seed 7",
            seed=self.seed,
            git=dict(commit="0" * 40, dirty=True),
            versions=dict(lockstep="0.1.0", python="3.11.9", numpy=np.__version__),
            machine="test machine",
            data=[data],
            instruments=instruments,
            sleeves=[dict(name=s, strategy="demo", parameters={"window": 20}, weight=1 / n) for s in self.sleeves],
            shocks=[],
            start=f"{self.days[0].date()}T00:00:00Z",
            end=f"{self.days[-1].date()}T21:00:00Z",
            calendar="XNYS",
            periods_per_year=252,
            initial_cash=self.initial,
            counts=counts
            | dict(events=self.sessions * 8, bars=self.sessions * len(self.symbols), sessions=self.sessions)
            | self.counts,
            unfilled=self.unfilled,
            final_equity=rows["equity"][-1][1],
            seconds=0.031,
            events_per_second=4.1e6,
            digest="5f1c09be77aa4e02",
            leak_check=None,
            warnings=list(self.warnings),
        )

    def write(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        for name, spec in COLUMNS.items():
            pq.write_table(table(self.rows[name], spec.split()), folder / f"{name}.parquet")
        (folder / "manifest.json").write_text(json.dumps(self.manifest()), encoding="utf-8")
        return folder


def arrow_type(column, numeric):
    if column.startswith("ts"):
        return pa.timestamp("ns", "UTC")
    return pa.string() if column in TEXT else pa.float64() if numeric == "f" else pa.int64()


def table(rows, spec):
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in spec]
    arrays, names = [], []
    for values, item in zip(columns, spec, strict=True):
        name, _, numeric = item.partition(":")
        arrays.append(pa.array(list(values), arrow_type(name, numeric)))
        names.append(name)
    return pa.table(arrays, names=names)
