import dataclasses

import pytest

from lockstep.engine.codes import Reason
from lockstep.reports import load
from lockstep.reports.activity import REASONS, refusals, unfilled


def test_every_reason_of_the_engine_is_explained():
    assert {reason.name.lower() for reason in Reason} - {"none"} == set(REASONS) - {"open"}


def test_refusals_count_the_decisions(run_folder, fabric):
    frame = refusals(load(run_folder)).set_index(["code", "verdict"])
    refused = [row for row in fabric.rows["decisions"] if row[7] == "refused"]
    assert frame.loc[("price_collar", "refused"), "count"] == len(refused) == fabric.counts["refused"]
    assert frame.loc[("price_collar", "refused"), "limit"] == 0.25
    assert frame["count"].is_monotonic_decreasing


def test_unfilled_orders_count_as_the_manifest_does(run_folder):
    run = load(run_folder)
    frame = unfilled(run).set_index("reason")
    assert frame["count"].to_dict() == run.manifest["unfilled"]
    assert frame.loc["not_reached", "partly"] == 0
    assert frame.loc["not_reached", "share"] == 1.0
    assert frame.loc["volume_cap", "share"] == pytest.approx(0.5, abs=0.01)


def test_the_manifest_stands_in_where_there_are_no_orders(run_folder):
    run = load(run_folder)
    bare = dataclasses.replace(run, orders=run.orders.iloc[:0])
    assert unfilled(bare).set_index("reason")["count"].to_dict() == run.manifest["unfilled"]
