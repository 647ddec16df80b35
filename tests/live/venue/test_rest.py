"""Account, clock, calendar, assets and activities by REST."""

from datetime import date

import pytest

from .rig import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.trading.requests import GetCalendarRequest


def test_the_account_adds_up(venue):
    rig = venue(streams=False)
    rig.go(3, wait=False)
    rig.order(qty=100)
    rig.order("BBB", 50, side="sell")
    rig.go(wait=False)
    account, positions = rig.rest.get_account(), rig.rest.get_all_positions()
    assert account.status == "ACTIVE"
    value = sum(float(position.market_value) for position in positions)
    assert float(account.equity) == pytest.approx(float(account.cash) + value)
    assert float(account.long_market_value) + float(account.short_market_value) == pytest.approx(value)
    assert float(account.buying_power) == pytest.approx(
        4 * float(account.equity) - sum(abs(float(position.market_value)) for position in positions)
    )
    truth = rig.state()
    assert truth["cash"] == round(float(account.cash) * 1e6)


def test_the_clock_is_the_recordings(venue):
    rig = venue(streams=False)
    assert not rig.rest.get_clock().is_open
    rig.go(2, wait=False)
    clock = rig.rest.get_clock()
    assert clock.is_open
    assert [f"{at:%m-%d %H:%M}" for at in (clock.timestamp, clock.next_open, clock.next_close)] == [
        "03-02 14:31", "03-03 14:30", "03-02 21:00",
    ]  # fmt: skip
    rig.go(389, wait=False)
    clock = rig.rest.get_clock()
    assert (f"{clock.timestamp:%H:%M}", clock.is_open) == ("21:00", False)


def test_the_calendar_is_in_exchange_time(venue):
    rig = venue(streams=False)
    days = rig.rest.get_calendar(GetCalendarRequest(start=date(2020, 3, 3), end=date(2020, 3, 4)))
    assert [(day.date.isoformat(), f"{day.open:%H:%M}", f"{day.close:%H:%M}") for day in days] == [
        ("2020-03-03", "09:30", "16:00"), ("2020-03-04", "09:30", "16:00"),
    ]  # fmt: skip


def test_assets(venue):
    rig = venue(streams=False, proxies={"PDFS": "AAA"})
    assets = {asset.symbol: asset for asset in rig.rest.get_all_assets()}
    assert sorted(assets) == ["AAA", "BBB", "CCC", "PDFS"]
    assert (assets["AAA"].attributes, assets["PDFS"].attributes) == ([], ["lockstep_proxy:AAA"])
    assert rig.rest.get_asset(assets["BBB"].id).symbol == "BBB"
    assert rig.raw.get_asset("AAA")["borrow_status"] == "easy_to_borrow"
    with pytest.raises(APIError, match="asset not found for ZZZ"):
        rig.rest.get_asset("ZZZ")


def test_activities_come_in_pages(venue):
    rig = venue(streams=False)
    rig.go(3, wait=False)
    for _ in range(5):
        rig.order(qty=1)
        rig.go(wait=False)
    everything = rig.rest.get("/account/activities/FILL")
    assert len(everything) == 5
    assert [row["id"] for row in everything] == sorted((row["id"] for row in everything), reverse=True)
    pages, token = [], ""
    while page := rig.rest.get("/account/activities/FILL", {"page_size": 2, "page_token": token, "direction": "asc"}):
        pages.append([row["id"] for row in page])
        token = page[-1]["id"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == [row["id"] for row in reversed(everything)]
    late = rig.rest.get("/account/activities", {"activity_types": "FILL,FEE", "after": "2020-03-02T14:35:00Z"})
    assert 0 < len(late) < 5
    assert rig.rest.get("/account/activities/DIV") == []
    with pytest.raises(APIError, match="invalid page_size"):
        rig.rest.get("/account/activities/FILL", {"page_size": "x"})


def test_the_rate_limit(venue):
    rig = venue(streams=False, rate_limit=3)
    for _ in range(3):
        rig.rest.get_clock()
    with pytest.raises(APIError) as caught:
        rig.rest.get_clock()
    assert (caught.value.status_code, caught.value.code) == (429, 42910000)
    headers = caught.value.response.headers
    assert (headers["X-Ratelimit-Limit"], headers["X-Ratelimit-Remaining"]) == ("3", "0")
    assert int(headers["X-Ratelimit-Reset"]) % 60 == 0
