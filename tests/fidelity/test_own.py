"""Own orders on tiny recordings: what is compared, what is taken out first, and what is said."""

import math

import pytest

from freqtrade_ext.fidelity.own import OUTSIDE, Outcome, OwnOrder
from freqtrade_ext.fidelity.own_figures import fee_asset, figures, interval, needed
from freqtrade_ext.fidelity.own_report import sentences, tables
from freqtrade_ext.run.own_orders import play
from tests.fidelity.test_scoreboard import T0, Tiny

WAY_MS = 5
"""of `Tiny`'s messages, which look as if the local clock were so much ahead"""


def own(side="buy", amount=2.0, limit=None, at=1000, **more):
    values = {
        "pair": "BTC/USDT",
        "side": side,
        "amount": amount,
        "limit": limit,
        "arrival_ms": T0 + at,
        "decision_ms": None,
        "answer_ms": None,
        "end_ms": None,
        "is_done": False,
        "filled_ms": None,
        "filled": amount,
        "average": limit or 100.5,
        "fee_ratio": 0.001,
        "fee_currency": "BTC",
    }
    return OwnOrder(**values | more)


def played(tiny, *orders):
    tiny.path.write_text("".join(tiny.lines))
    return play([tiny.path], {"BTCUSDT": list(orders)}, (50.0, 200.0))


@pytest.fixture
def tiny(tmp_path):
    """A book of 100 x 1, 101 x 1, 102 x 10 over 99 x 1, 98 x 1, 97 x 10, in step at 100 ms."""
    return Tiny(tmp_path / "tape").snapshot().depth(100, (11, 11)).depth(900, (12, 12))


def test_a_market_order_is_predicted_without_the_hole_that_it_left_itself(tiny):
    """Paper orders of the slower latencies would have come after it, and paid 102."""
    tiny.trade(1000, "100.0", "1").trade(1000, "101.0", "1")
    tiny.depth(1050, (13, 14), asks=[["100.0", "0"], ["101.0", "0"]]).depth(4000, (15, 15))
    order = own(decision_ms=T0 + 920 + WAY_MS, answer_ms=T0 + 1030 + WAY_MS, end_ms=T0 + 1030, is_done=True)
    (found,) = played(tiny, order)
    assert found.why_not == ""
    assert (found.there_ms, found.back_ms) == (80, 30)
    assert found.walked.average == 100.5
    assert found.drawn == [100.5] * 7
    row = figures([found], (0.001, 0.001))["market"]["all"]
    assert (row["n"], row["total"]["mean"]) == (1, 0)


def test_delay_and_book_are_told_apart(tiny):
    """The best ask of 100 goes 10 ms before the order arrives; in truth one at 100.7 is there, hidden."""
    tiny.depth(990, (13, 13), asks=[["100.0", "0"]]).depth(4000, (14, 14))
    order = own(amount=1.0, average=100.7, decision_ms=T0 + 940 + WAY_MS, fee_ratio=0.00075)
    (found,) = played(tiny, order)
    assert found.walked.average == 101
    # of seven latencies from 50 to 200 ms, the first arrives at 990 and still meets the ask at 100
    assert found.drawn == [100] + [101] * 6
    row = figures([found], (0.001, 0.001))["market"]["all"]
    assert row["delay"]["mean"] == pytest.approx(1e4 * (1 / 7) / 100.7)
    assert row["book"]["mean"] == pytest.approx(-1e4 * 0.3 / 100.7)
    assert row["fees"]["mean"] == pytest.approx(-2.5)
    causes = sum(row[cause]["mean"] for cause in ("delay", "book", "fees"))
    assert row["total"]["mean"] == pytest.approx(causes)


def test_a_resting_order_does_not_queue_behind_itself(tiny):
    """Its own amount is in the recorded level; the one ahead cancels, so the next trade is all its own."""
    tiny.depth(1100, (13, 13), bids=[["99.0", "3"]]).depth(1300, (14, 14), bids=[["99.0", "2"]])
    tiny.trade(1500, "99.0", "2", sells=True).depth(1600, (15, 15), bids=[["99.0", "0"]])
    tiny.depth(5000, (16, 16))
    order = own(limit=99.0, end_ms=T0 + 1500 + WAY_MS, filled_ms=T0 + 1500, is_done=True)
    (found,) = played(tiny, order)
    assert [found.filled_by(name) for name in ("pessimistic", "expected", "optimistic")] == [2, 2, 2]
    assert found.queue.places["pessimistic"].filled_ms == T0 + 1500


def test_an_order_cancelled_in_truth_is_compared_up_to_its_end(tiny):
    tiny.depth(1100, (13, 13), bids=[["99.0", "3"]])
    tiny.trade(3000, "98.0", "9", sells=True).depth(5000, (14, 14))
    (found,) = played(tiny, own(limit=99.0, filled=0.0, end_ms=T0 + 2000 + WAY_MS))
    assert found.why_not == ""
    assert found.filled_by("optimistic") == 0
    estimates = figures([found], (0.001, 0.001))["limit"]["estimates"]
    assert estimates["optimistic"]["bias"] == 0


def test_the_way_is_measured_by_the_fastest_message_around_it(tiny):
    """Those before an order came 40 ms late, and its answer seemed to come before it was sent."""
    late = [line.split(" ", 1) for line in tiny.lines]
    tiny.lines = [f"{int(clock) + 40_000_000} {text}" for clock, text in late]
    tiny.depth(4000, (13, 13))
    (found,) = played(tiny, own(decision_ms=T0 + 990 + WAY_MS, answer_ms=T0 + 1010 + WAY_MS))
    assert (found.there_ms, found.back_ms) == (10, 10)


def test_own_prints_fill_no_order_of_ones_own(tiny):
    """A market buy of one's own took the ask at 101 from before the own ask there."""
    tiny.depth(950, (13, 13)).trade(1000, "100.0", "1").trade(1000, "101.0", "1")
    tiny.depth(1050, (14, 14), asks=[["100.0", "0"], ["101.0", "1"]]).depth(5000, (15, 15))
    resting = own("sell", 1.0, 101.0, at=940, filled=0.0, end_ms=T0 + 3000)
    _, found = sorted(played(tiny, own(), resting), key=lambda outcome: outcome.order.side)
    assert found.filled_by("optimistic") == 0


def test_orders_outside_the_recording_are_counted(tiny):
    tiny.depth(4000, (13, 13))
    orders = [own(at=-500), own(at=1000), own(at=90_000)]
    outcomes = played(tiny, *orders)
    assert [outcome.why_not for outcome in outcomes] == [OUTSIDE, "", OUTSIDE]
    found = figures(outcomes, (0.001, 0.001))
    assert (found["orders"], found["left_out"]) == (3, {OUTSIDE: 2})


def test_a_resting_order_that_a_gap_falls_into_is_left_out(tiny):
    tiny.depth(1100, (13, 13), bids=[["99.0", "3"]]).depth(1300, (20, 20)).snapshot(30)
    tiny.depth(1500, (31, 31)).depth(9000, (32, 32))
    (found,) = played(tiny, own(limit=99.0, end_ms=T0 + 4000))
    assert found.why_not == "gap in the book's updates"


def test_an_order_that_outlives_the_recording_is_left_out(tiny):
    (found,) = played(tiny.depth(4000, (13, 13)), own(limit=99.0))
    assert found.why_not == "open when the recording ended"


def test_a_damaged_line_of_the_recording_is_passed_over(tiny):
    tiny.stream(T0 + 950, "trade", {"e": "trade", "E": T0 + 950, "s": "BTCUSDT"}).depth(4000, (13, 13))
    assert played(tiny, own())[0].why_not == ""


def test_intervals_have_the_mean_and_need_more_for_more_noise():
    low, high = interval([1.0, 2.0, 3.0, 4.0] * 25)
    assert low < 2.5 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1.25 / 99), rel=0.1)
    assert interval([1.0]) is None
    assert needed([0.0, 0.0], 1.0) == 20
    assert needed([-10.0, 10.0] * 50, 1.0) == pytest.approx(1.96**2 * 100, rel=0.02)


@pytest.mark.parametrize(
    ("side", "currency", "setting"),
    [
        ("buy", "BTC", "received"),
        ("sell", "USDT", "received"),
        ("buy", "USDT", "quote"),
        ("sell", "BTC", "quote"),
        ("buy", "BNB", "bnb"),
    ],
)
def test_the_fee_asset_really_taken(side, currency, setting):
    assert fee_asset(own(side, fee_currency=currency)) == setting


def test_too_few_orders_are_an_answer(tiny):
    found = figures(played(tiny.depth(4000, (13, 13)), own()), (0.001, 0.001))
    told = "\n".join(sentences(found))
    assert "latency_ms: not enough data (0 orders whose way is known, 20 needed)" in told
    assert "maker_fill: not enough data (0 limit orders, 20 needed)" in told
    assert "Enough are more market orders" in told
    assert len(tables(found)) == 3


def test_without_decisions_the_way_there_is_taken_for_that_back():
    """Stock strategies: only when a trade was opened, right after the answer, is known."""
    outcomes = [Outcome(own(), back_ms=float(ms)) for ms in range(20, 60)]
    told = next(sentences(figures(outcomes, (0.001, 0.001))))
    assert told.startswith('Set "latency_ms": [22, 57]: on average 40 ms (36 to 43) exchange to the answer')
    assert "nobody noted when they were decided on" in told


def test_a_local_clock_that_is_ahead_does_not_cut_off_the_fill(tiny):
    """freqtrade keeps the exchange's time of a fill, which was taken for the local clock's."""
    tiny.depth(1100, (13, 13), bids=[["99.0", "3"]]).trade(1500, "99.0", "3", sells=True).depth(
        5000, (14, 14)
    )
    clocks = (line.split(" ", 1) for line in tiny.lines)
    tiny.lines = [f"{int(clock) + 2_000_000_000} {text}" for clock, text in clocks]
    (found,) = played(tiny, own(limit=99.0, end_ms=T0 + 1500, filled_ms=T0 + 1500, is_done=True))
    assert found.filled_by("pessimistic") == 2
