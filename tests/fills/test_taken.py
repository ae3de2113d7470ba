"""The give-back rule by hand, and on a recorded episode."""

import itertools
import math

import pytest

from freqtrade_ext.fills.book import walk
from freqtrade_ext.fills.taken import Ledger
from freqtrade_ext.tape import Recording
from tests.fills.test_engine import desk


def left_of(ledger, side, rate, displayed):
    return dict(ledger.untaken(side, [(rate, displayed)])).get(rate, 0)


@pytest.mark.parametrize(
    ("displayed", "took", "later", "left"),
    [
        # what the level displays at each later look, and what is left of it for us at the last one
        (5, 5, [5], 0),  # nothing was added
        (5, 5, [0, 5], 5),  # it went away and came back: all of it is new
        (5, 5, [4.9, 5], 0.1),  # 0.1 was added
        (5, 5, [7], 2),
        (5, 5, [7, 5], 0),  # what was added left again
        (5, 5, [2, 1, 6], 5),
        (10, 3, [10], 7),
        (10, 3, [8, 10], 7),  # 2 of the others' 7 left and came back
        (10, 3, [8], 5),
        (10, 3, [3], 0),  # the others left; the 3 that are still shown are those we took
        (10, 3, [2, 3], 1),
        (10, 3, [13], 10),
        (10, 0, [4, 10], 10),
    ],
)
def test_only_what_is_added_after_our_fill_is_given_back(displayed, took, later, left):
    ledger = Ledger()
    ledger.observe("buy", [(100.0, displayed)])
    ledger.take("buy", [(100.0, took)])
    for amount in later:
        ledger.observe("buy", [(100.0, amount)] if amount else [(101.0, 1.0)])
    assert left_of(ledger, "buy", 100.0, later[-1]) == pytest.approx(left, abs=1e-12)


@pytest.mark.parametrize(
    ("side", "inside", "beyond"), [("buy", (100.0, 102.0), 103.0), ("sell", (102.0, 100.0), 99.0)]
)
def test_a_level_out_of_view_stays_as_it_was_and_one_missing_inside_the_view_is_gone(side, inside, beyond):
    best, last = inside
    ledger = Ledger()
    ledger.take(side, [(101.0, 5.0), (beyond, 5.0)])
    ledger.observe(side, [(best, 1.0), (last, 1.0)])
    assert left_of(ledger, side, 101.0, 5.0) == 5
    assert left_of(ledger, side, beyond, 5.0) == 0


def test_a_level_better_than_the_best_is_gone():
    ledger = Ledger()
    ledger.take("buy", [(100.0, 5.0)])
    ledger.observe("buy", [(101.0, 1.0)])
    assert left_of(ledger, "buy", 100.0, 5.0) == 5


@pytest.mark.parametrize(("is_whole", "left"), [(False, 0), (True, 5)])
@pytest.mark.parametrize("levels", [[], [(99.0, 1.0)]])
def test_beyond_the_end_of_a_book_seen_whole_nothing_is_unknown(levels, is_whole, left):
    ledger = Ledger()
    ledger.take("buy", [(100.0, 5.0)])
    ledger.observe("buy", levels, is_whole=is_whole)
    assert left_of(ledger, "buy", 100.0, 5.0) == left


def test_the_sides_do_not_know_each_other():
    ledger = Ledger()
    ledger.take("buy", [(100.0, 5.0)])
    ledger.observe("sell", [(100.0, 1.0)])
    assert (left_of(ledger, "sell", 100.0, 1.0), left_of(ledger, "buy", 100.0, 5.0)) == (1, 0)


def test_what_ten_slices_of_a_tenth_leave_is_nothing_and_not_a_float_residue():
    ledger = Ledger()
    for _ in range(10):
        ledger.take("buy", [(100.0, 0.1)])
    assert left_of(ledger, "buy", 100.0, 1.0) == 0


def test_it_survives_json():
    ledger = Ledger()
    ledger.take("sell", [(0.1, 0.3), (0.2, 7.0)])
    again = Ledger.from_json(ledger.to_json())
    assert again.to_json() == ledger.to_json()
    assert left_of(again, "sell", 0.1, 0.5) == 0.2


def test_a_level_that_was_eaten_up_and_came_back_fills_again_where_the_book_is_seen_whole():
    d = desk(asks=[(100.0, 5.0)])
    assert d.order("buy", 5).status == "closed"
    d.market.asks = []
    assert d.order("buy", 1).filled == 0
    d.market.asks = [(100.0, 5.0)]
    assert d.order("buy", 5).status == "closed"


def test_a_rejected_order_leaves_the_ledger_as_it_was():
    d = desk(asks=[(100.0, 5.0)])
    d.order("buy", 5)
    d.market.asks = [(100.0, 2.0)]
    d.market.filters = {"LOT_SIZE": {"minQty": 1, "maxQty": 9, "stepSize": 1}}
    with pytest.raises(Exception, match="LOT_SIZE"):
        d.order("buy", 0.5)
    d.market.asks = [(100.0, 5.0)]
    d.market.filters = {}
    assert d.order("buy", 1).filled == 0
    d.restart()
    assert d.order("buy", 1).filled == 0


SWEEP_MS = 1721788440000  # 2024-07-24 02:34 UTC, the minute of the first sweep


def test_what_a_recorded_sweep_of_nexousdt_ate_stays_gone_for_the_25_seconds_observed(shared_data):
    """
    A stranger's 27k USDT order is the outside truth. Had it been ours, on paper, then the displayed book
    would have kept what it ate; what the ledger leaves of that must be the book that was really there.
    """
    before, after, sweep, side = _sweep(shared_data)
    eaten = _by_rate(sweep)
    amount = math.fsum(eaten.values())
    assert math.fsum(rate * amount for rate, amount in sweep) > 25_000
    # 5.3 % of it is displayed again at the eaten rates after 25 s
    assert math.fsum(min(after[-1].get(rate, 0.0), eaten[rate]) for rate in eaten) < 0.06 * amount

    def order(levels):
        return sorted(levels.items(), reverse=side == "sell")

    displayed = before | {rate: max(eaten[rate], before.get(rate, 0.0)) for rate in eaten}
    taken_side = "asks" if side == "buy" else "bids"
    d = desk(**({"bids": [(0.5, 1.0)]} | {taken_side: order(displayed)}))
    assert d.order(side, amount, limit=order(eaten)[-1][0], time_in_force="IOC").status == "closed"
    state = dict(d.store.rows)
    assert len(after) > 50
    for real in after[::3]:
        displayed = {rate: real.get(rate, 0.0) + eaten.get(rate, 0.0) for rate in real.keys() | eaten.keys()}
        setattr(d.market, taken_side, order(displayed))
        d.store.rows = dict(state)
        d.restart()
        again = d.order(side, amount)
        there = walk(order(real), amount, side)
        assert (again.levels, again.worst) == (len(there.fills), there.worst)
        assert again.average == pytest.approx(there.average, rel=1e-12)


def _by_rate(fills):
    total = {}
    for rate, amount in fills:
        total[rate] = total.get(rate, 0.0) + amount
    return total


def _sweep(shared_data):
    """Return (levels before, [levels at each diff of the 25 s after], fills, side) of the largest sweep."""
    folder = shared_data / "book" / "nexo_spot_NEXOUSDT_20240723_24"
    files = [folder / "spot_nexousdt_20240723.dat.gz", folder / "spot_nexousdt_20240724.dat.gz"]
    kept = ("snapshot", "depth", "trade")
    events = ((record.kind, record.data) for record in Recording(files) if record.kind in kept)
    history, trades = _follow(itertools.takewhile(lambda e: e[1].get("E", 0) < SWEEP_MS + 90_000, events))
    sweeps = {}
    for data in trades:
        side = "sell" if data["m"] else "buy"
        sweeps.setdefault((data["T"], side), []).append((float(data["p"]), float(data["q"])))
    (time_ms, side), fills = max(sweeps.items(), key=lambda item: sum(r * a for r, a in item[1]))
    name = "b" if side == "sell" else "a"
    before = [book[name] for at_ms, book in history if at_ms < time_ms][-1]
    after = [book[name] for at_ms, book in history if time_ms + 100 < at_ms <= time_ms + 25_000]
    return before, after, fills, side


def _follow(events):
    """Apply the diffs; keep the books and trades from shortly before the sweep on."""
    book, history, trades = {"b": {}, "a": {}}, [], []
    for kind, data in events:
        if kind == "snapshot":
            book = {"b": _levels(data["bids"]), "a": _levels(data["asks"])}
        elif kind == "depth":
            for name, levels in book.items():
                levels.update(_levels(data[name]))
            if data["E"] > SWEEP_MS - 5_000:
                history.append((data["E"], {name: _without_empty(levels) for name, levels in book.items()}))
        elif data["T"] >= SWEEP_MS:
            trades.append(data)
    return history, trades


def _levels(rows):
    return {float(rate): float(amount) for rate, amount in rows}


def _without_empty(levels):
    return {rate: amount for rate, amount in levels.items() if amount}


@pytest.mark.parametrize(("side", "last"), [("buy", 102.0), ("sell", 98.0)])
def test_a_level_beyond_those_shown_is_unknown_and_the_last_of_them_is_not(side, last):
    """What is taken is given back where a look shows that less is there."""
    beyond = 2 * last - 100
    ledger = Ledger()
    ledger.take(side, [(last, 2.0), (beyond, 3.0)])
    shown = [(100.0, 5.0), (last, 2.0)]
    assert not ledger.observe(side, shown)
    assert ledger.observe(side, [(100.0, 5.0), (last, 1.0)])
    assert ledger.to_json()[side] == [(last, 1.0), (beyond, 3.0)]
    assert ledger.observe(side, shown, is_whole=True)
    assert ledger.to_json()[side] == [(last, 1.0)]
    assert not ledger.observe(side, [])
