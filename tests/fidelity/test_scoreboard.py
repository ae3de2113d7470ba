"""The scoreboard on tiny recordings with answers worked by hand, and on the real ones."""

import contextlib
import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from freqtrade.exchange import Exchange, price_to_precision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.align import gone_behind, run_of
from freqtrade_ext.fidelity.joins import Joins
from freqtrade_ext.fidelity.score import Scores, contract_value, figures
from freqtrade_ext.fidelity.scoreboard import measure
from freqtrade_ext.fidelity.tape import Sweep, SweepTape
from freqtrade_ext.fills.stock import stock_average
from freqtrade_ext.run.fidelity import main
from freqtrade_ext.tape import Recording, RecordingError
from tests.hostile_lines import recordings

T0 = 1_700_000_000_000
ASKS = [["100.0", "1"], ["101.0", "1"], ["102.0", "10"]]
BIDS = [["99.0", "1"], ["98.0", "1"], ["97.0", "10"]]


class Tiny:
    """Writes a recording whose local clock is the exchange's plus 5 ms on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.trades = 0

    def line(self, local_ms: float, message: dict[str, Any]) -> "Tiny":
        self.lines.append(f"{round(local_ms * 1e6)} {json.dumps(message, separators=(',', ':'))}\n")
        return self

    def stream(self, local_ms: float, name: str, data: dict[str, Any]) -> "Tiny":
        return self.line(local_ms, {"stream": f"btcusdt@{name}", "data": data})

    def snapshot(self, update_id: int = 10) -> "Tiny":
        return self.line(T0, {"lastUpdateId": update_id, "bids": BIDS, "asks": ASKS})

    def depth(self, at: int, ids: tuple[int, int], bids: Any = (), asks: Any = ()) -> "Tiny":
        data = {
            "e": "depthUpdate",
            "E": T0 + at,
            "s": "BTCUSDT",
            "U": ids[0],
            "u": ids[1],
            "b": bids,
            "a": asks,
        }
        return self.stream(T0 + at + 5, "depth@100ms", data)

    def top(
        self, arrives: float, update_id: int, bid: str, bid_amount: str, ask: str, ask_amount: str
    ) -> "Tiny":
        data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": bid_amount, "a": ask, "A": ask_amount}
        return self.stream(T0 + arrives, "bookTicker", data)

    def trade(self, at: int, rate: str, amount: str, sells: bool = False, kind: str = "trade") -> "Tiny":
        self.trades += 1
        return self.printed(self.trades, at, rate, amount, sells, kind)

    def printed(
        self, trade_id: int, at: int, rate: str, amount: str, sells: bool = False, kind: str = "trade"
    ) -> "Tiny":
        data = {"e": kind, "E": T0 + at, "s": "BTCUSDT", "p": rate, "q": amount, "T": T0 + at, "m": sells}
        ids = {"t": trade_id} if kind == "trade" else {"f": trade_id, "l": trade_id}
        return self.stream(T0 + at + 5, kind, data | ids)

    def measure(self) -> dict[str, Any]:
        self.path.write_text("".join(self.lines))
        return measure([self.path])[0]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "tiny")


def all_of(report: dict[str, Any], method: str = "ours") -> dict[str, Any]:
    return report["sweeps"]["all"][method]  # type: ignore[no-any-return]


def test_a_sweep_over_two_levels_is_predicted_exactly(tiny: Tiny) -> None:
    report = (
        tiny.snapshot()
        .depth(100, (11, 11), asks=[["101.0", "2"]])
        .trade(150, "100.0", "1")
        .trade(150, "101.0", "0.5")
        .trade(150, "101.0", "0.5")
        .depth(200, (12, 12), asks=[["100.0", "0"], ["101.0", "1"]])
        .measure()
    )
    assert all_of(report)["n"] == 1
    assert all_of(report)["mae_bps"] == 0.0
    assert report["sweeps"]["multi_level"]["ours"]["n"] == 1
    assert report["sweeps"]["ge_5k"]["ours"]["n"] == 0
    assert report["symbol"] == "BTCUSDT"
    assert report["excluded"] == {}
    assert report["events"] == 6


def test_the_error_is_positive_where_more_was_paid_than_predicted(tiny: Tiny) -> None:
    """Predicted 100 for a buy printed at 101, and 99 for a sale printed at 98.01."""
    report = (
        tiny.snapshot().depth(100, (11, 11)).trade(150, "101.0", "1").trade(160, "98.01", "1", True).measure()
    )
    buy, sale = 1e4 * 1.0 / 101.0, 1e4 * 0.99 / 98.01
    assert all_of(report)["mean_bps"] == pytest.approx((buy + sale) / 2)
    assert all_of(report)["share_within_0.1bp"] == 0.0


def test_a_difference_stamped_at_the_sweep_or_later_is_not_in_its_book(tiny: Tiny) -> None:
    report = (
        tiny.snapshot()
        .depth(100, (11, 11))
        .depth(150, (12, 12), asks=[["100.0", "0"]])
        .trade(150, "100.0", "1")
        .measure()
    )
    assert all_of(report)["mae_bps"] == 0.0


def test_the_best_bid_ask_stream_is_newer_than_the_differences(tiny: Tiny) -> None:
    report = (
        tiny.snapshot()
        .depth(100, (11, 11))
        .top(120, 12, "99", "1", "99.5", "3")
        .trade(150, "99.5", "1.5")
        .measure()
    )
    assert all_of(report)["mae_bps"] == 0.0
    assert all_of(report, "stock")["mae_bps"] == pytest.approx(1e4 * (100 - 99.5) / 99.5), (
        "it sees 100 x 1 and 101 x 1, which is 100.33, and rounds to the tick of 1"
    )
    assert report["stock_on_our_book"]["all"]["mae_bps"] == pytest.approx(1e4 * 0.5 / 99.5), "the tick again"


def test_the_message_that_shows_the_sweep_is_not_in_its_book_even_if_it_came_first(tiny: Tiny) -> None:
    """By clocks the message of 152 ms is earlier than a sweep seen at 155 ms; by its amount it is not."""
    report = (
        tiny.snapshot()
        .depth(100, (11, 11))
        .top(120, 12, "99", "1", "99.5", "2")
        .top(152, 13, "99", "1", "100", "1")
        .trade(150, "99.5", "2")
        .depth(300, (12, 13))
        .measure()
    )
    assert report["alignment"]["own_update"] == 1
    assert all_of(report)["mae_bps"] == 0.0
    assert report["alignment"]["ours_by_clocks_alone"]["all"]["mae_bps"] > 50


def test_what_an_earlier_sweep_took_is_not_there_for_the_next(tiny: Tiny) -> None:
    """No message shows the first sweep; the second, 3 ms later, finds 100 empty and 101 half taken."""
    report = (
        tiny.snapshot()
        .depth(100, (11, 11))
        .trade(150, "100.0", "1")
        .trade(150, "101.0", "0.5")
        .trade(153, "101.0", "0.5")
        .trade(153, "102.0", "1")
        .measure()
    )
    assert all_of(report)["n"] == 2
    assert all_of(report)["mae_bps"] == pytest.approx(0.0, abs=1e-9)


def test_what_is_left_out_is_counted(tiny: Tiny) -> None:
    report = (
        tiny.trade(50, "100.0", "1")
        .snapshot()
        .depth(100, (11, 11))
        .trade(150, "100.0", "1")
        .trade(160, "100.0", "100")
        .depth(200, (13, 13))
        .trade(250, "100.0", "1")
        .measure()
    )
    assert report["excluded"] == {
        "before the first snapshot": 1,
        "deeper than the recorded book": 1,
        "gap in the book's updates": 1,
    }
    assert all_of(report)["n"] == 1


def test_a_trade_counts_once_in_whichever_streams_and_however_often_it_is_printed(tiny: Tiny) -> None:
    """Ids 1 to 3, of which 1 and 2 come as trade and as aggregated trade, 3 as aggregated trade alone."""
    tiny.snapshot().depth(100, (11, 11))
    tiny.printed(1, 150, "100.0", "1").printed(1, 150, "100.0", "1", kind="aggTrade")
    tiny.printed(2, 160, "101.0", "0.5", kind="aggTrade").printed(2, 160, "101.0", "0.5")
    tiny.printed(2, 160, "101.0", "0.5").printed(3, 170, "101.0", "0.5", kind="aggTrade")
    report = tiny.measure()
    assert all_of(report)["n"] == 3
    assert all_of(report)["mae_bps"] == pytest.approx(0.0, abs=1e-9)


def test_damaged_messages_are_skipped_and_counted(tiny: Tiny) -> None:
    tiny.snapshot().depth(100, (11, 11))
    tiny.stream(T0 + 110, "trade", {"e": "trade", "T": T0 + 105})
    tiny.lines.append(f'{(T0 + 111) * 1_000_000} {{"stream":"btcusdt@depth","data":{{"E":nonsense}}}}\n')
    tiny.lines.append(f'{(T0 + 112) * 1_000_000} {{"stream":"btcusdt@bookTicker","data":{{"u":nonsense}}}}\n')
    report = tiny.trade(150, "100.0", "1").measure()
    assert report["skipped_lines"] == 2
    assert all_of(report)["mae_bps"] == 0.0


def test_further_snapshots_of_a_book_in_step_cost_no_sweep(tiny: Tiny) -> None:
    """Older than the book, of its own id, and ahead of it: none of them was a gap in the book's updates."""
    tiny.snapshot().depth(100, (11, 20)).snapshot(15).trade(120, "100.0", "1").depth(200, (21, 30))
    tiny.snapshot(30).trade(250, "100.0", "1").snapshot(35).trade(260, "100.0", "1")
    report = tiny.depth(300, (31, 40)).trade(350, "100.0", "1").measure()
    assert (all_of(report)["n"], report["excluded"]) == (4, {})


def test_a_snapshot_that_came_before_the_gap_that_it_covers_is_used(tiny: Tiny) -> None:
    tiny.snapshot().depth(100, (11, 11)).trade(120, "100.0", "1").snapshot(15).depth(200, (15, 16))
    report = tiny.trade(250, "100.0", "1").measure()
    assert (all_of(report)["n"], report["excluded"]) == (2, {})


def test_a_difference_that_comes_late_is_used_in_its_place(tiny: Tiny) -> None:
    tiny.snapshot().depth(100, (11, 11)).depth(300, (13, 13)).depth(200, (12, 12), asks=[["100.0", "5"]])
    report = tiny.trade(350, "100.0", "5").measure()
    assert (all_of(report)["n"], all_of(report)["mae_bps"], report["excluded"]) == (1, 0.0, {})


def test_a_difference_of_a_far_future_does_not_hold_up_the_others(tiny: Tiny) -> None:
    """Without it there is a gap; behind it, sweeps were predicted from the book of before."""
    tiny.snapshot().depth(100, (11, 11)).depth(9_000_000, (12, 12)).depth(
        200, (13, 13), asks=[["100.0", "0"]]
    )
    report = tiny.trade(250, "101.0", "1").measure()
    assert report["excluded"] == {"gap in the book's updates": 1}


def test_prints_that_come_late_are_left_out_in_the_open(tiny: Tiny) -> None:
    """Ids 2 and 3 come late, 3 twice; a damaged id in between hides none of those that follow."""
    tiny.snapshot().depth(100, (11, 11)).printed(1, 150, "100.0", "1").printed(10**15, 250, "100.0", "1")
    tiny.depth(300, (12, 12)).printed(6, 350, "100.0", "1")
    for trade_id in (2, 3, 3):
        tiny.printed(trade_id, 150 + trade_id, "100.0", "1")
    report = tiny.depth(400, (13, 13)).printed(7, 450, "100.0", "1").measure()
    assert report["excluded"] == {"printed too late: the book already holds it": 2}
    assert all_of(report)["n"] == 4


def test_ids_that_are_counted_anew_begin_another_book(tiny: Tiny) -> None:
    """As those of the embedded exchange do when it is started anew: its sweeps met the book of before."""
    tiny.snapshot(10_000).depth(100, (10_001, 10_100), asks=[["100.0", "0"]]).trade(150, "101.0", "1")
    tiny.depth(200, (10_101, 10_200)).snapshot().depth(9_100, (11, 11)).printed(1, 9_150, "100.0", "1")
    report = tiny.depth(9_200, (12, 12)).measure()
    assert (all_of(report)["n"], all_of(report)["mae_bps"], report["excluded"]) == (2, 0.0, {})


def test_levels_that_are_no_numbers_cost_the_book_and_nothing_else(tiny: Tiny) -> None:
    tiny.snapshot().depth(100, (11, 11), asks=[["nonsense", "1"]]).trade(150, "100.0", "1")
    tiny.trade(160, "100.0", "1").snapshot(11).depth(200, (12, 12)).trade(250, "100.0", "1")
    report = tiny.measure()
    assert report["excluded"] == {"damaged book": 1, "gap in the book's updates": 1}
    assert all_of(report)["mae_bps"] == 0.0


def test_two_pairs_keep_their_own_books_in_one_file_or_two(tiny: Tiny) -> None:
    """Each file begins with a snapshot that names no pair, as the recorder writes them."""
    tiny.snapshot().depth(100, (11, 11)).trade(150, "100.0", "1")
    other = Tiny(tiny.path.with_name("other")).snapshot(9_000_010)
    other.depth(100, (9_000_011, 9_000_011)).trade(150, "102.0", "1")
    other.path.write_text("".join(other.lines).replace("btcusdt", "ethusdt").replace("BTCUSDT", "ETHUSDT"))
    both = tiny.path.with_name("both")
    lines = zip(tiny.lines, other.path.read_text().splitlines(keepends=True), strict=True)
    both.write_text("".join(line for pair in lines for line in pair))
    tiny.measure()
    for files in ([tiny.path, other.path], [other.path, tiny.path], [both]):
        report = measure(files)[0]
        assert report["symbol"] == "BTCUSDT,ETHUSDT"
        assert (all_of(report)["n"], report["excluded"]) == (2, {})
        assert all_of(report)["mean_bps"] == pytest.approx(1e4 * 2 / 102 / 2)


def test_the_futures_stream_is_followed_by_its_own_ids(tiny: Tiny) -> None:
    """Ids of other pairs lie between its differences; `pu` says which one came before."""
    tiny.snapshot().depth(100, (11, 11), asks=[["100.0", "2"]]).depth(200, (40, 45), asks=[["100.0", "3"]])
    tiny.lines[-1] = tiny.lines[-1].replace('"U":40', '"U":40,"pu":11')
    report = tiny.trade(250, "100.0", "3").depth(300, (60, 61)).trade(350, "100.0", "1").measure()
    assert all_of(report)["n"] == 1
    assert all_of(report)["mae_bps"] == 0.0
    assert report["excluded"] == {"gap in the book's updates": 1}, "the last difference names no predecessor"


def test_a_clock_that_is_set_back_costs_nothing(tiny: Tiny) -> None:
    tiny.snapshot().depth(100, (11, 11)).top(120, 12, "99", "1", "100", "1").trade(150, "100.0", "0.5")
    before = len(tiny.lines)
    tiny.depth(200, (12, 12)).top(230, 13, "99", "1", "99.5", "1").top(255.5, 14, "99", "1", "100", "1")
    tiny.trade(250, "99.5", "1").depth(300, (13, 14))
    hour_ns = 3_600_000_000_000
    for position in range(before, len(tiny.lines)):
        clock, _, rest = tiny.lines[position].partition(" ")
        tiny.lines[position] = f"{int(clock) - hour_ns} {rest}"
    report = tiny.measure()
    assert (all_of(report)["n"], report["excluded"]) == (2, {})
    assert report["alignment"]["own_update"] == 1
    assert all_of(report)["mae_bps"] == 0.0


def test_a_recording_without_best_bid_ask_is_scored_and_says_so(
    tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tiny.snapshot().depth(100, (11, 11)).trade(150, "100.0", "1").measure()
    assert report["alignment"]["without_best_bid_ask"] == ["BTCUSDT"]
    assert all_of(report)["n"] == 1
    assert report["drift_bps"] == {"100ms": None, "250ms": None, "1000ms": None, "5000ms": None}
    assert main([str(tiny.path)]) == 0
    assert "BTCUSDT: no best bid/ask stream" in capsys.readouterr().out


def test_drift_is_in_the_takers_direction(tiny: Tiny) -> None:
    """Mid 99.5 when a sale has been seen, 99.0 within the next 100 ms."""
    tiny.snapshot().depth(100, (11, 11)).top(120, 12, "99", "1", "100", "1").trade(150, "99.0", "0.1", True)
    tiny.top(200, 13, "98.5", "1", "99.5", "1")
    for at in range(200, 8_000, 100):
        tiny.depth(at, (at, at + 99))
    report = tiny.measure()
    assert report["drift_bps"]["100ms"] == pytest.approx(1e4 * 0.5 / 99.5)
    assert report["clock_offset_ms"] == 5.0


@pytest.mark.parametrize("bid", [("0.00000000", "0.00000000"), ("nan", "1"), ("99", "inf")])
def test_a_best_bid_ask_without_a_mid_is_no_drift(tiny: Tiny, bid: tuple[str, str]) -> None:
    """A book of one side moved the mid by half of the rate, and NaN is no JSON."""
    tiny.snapshot().depth(100, (11, 11)).top(120, 12, "99", "1", "100", "1").trade(150, "99.0", "0.1", True)
    tiny.top(200, 13, *bid, "100", "1").top(1_000, 14, "98", "1", "100", "1")
    for at in range(200, 8_000, 100):
        tiny.depth(at, (at, at + 99))
    drift = tiny.measure()["drift_bps"]
    assert (drift["100ms"], drift["1000ms"]) == (None, pytest.approx(1e4 * 0.5 / 99.5))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=recordings)
def test_no_hostile_recording_crashes_the_replay(tiny: Tiny, content: bytes) -> None:
    """Or leads to figures that are no numbers."""
    good = tiny.lines = Tiny(tiny.path).snapshot().depth(100, (11, 11)).trade(150, "100.0", "1").lines
    tiny.path.write_bytes("".join(good).encode() + content)
    report = measure([tiny.path])[0]
    json.dumps(report, allow_nan=False)
    tiny.path.write_bytes(content)
    with contextlib.suppress(RecordingError):
        measure([tiny.path])


def test_prints_of_one_time_and_side_are_one_sweep() -> None:
    tape = SweepTape()
    prints = [(1, 100.0, False), (1, 100.0, False), (1, 101.0, False), (1, 99.0, True), (2, 99.0, True)]
    sweeps = [
        tape.add(10.0, {"t": number, "T": time, "E": time, "p": str(rate), "q": "1", "m": sells})
        for number, (time, rate, sells) in enumerate(prints)
    ]
    found = [sweep for sweep in [*sweeps, tape.close()] if sweep is not None]
    assert [(sweep.time_ms, sweep.side, sweep.fills) for sweep in found] == [
        (1, "buy", [(100.0, 2.0), (101.0, 1.0)]),
        (1, "sell", [(99.0, 1.0)]),
        (2, "sell", [(99.0, 1.0)]),
    ]


@pytest.mark.parametrize(
    ("gone", "amount", "run"),
    [
        ([0.0, 2.0, 1.0], 2.0, (1, 1)),
        ([1.0, 2.0, -4.0, 1.0], 3.0, (0, 1)),
        ([5.0, 1.0, -1.0, 1.0], 2.0, (1, 3)),
        ([5.0, 1.5], 2.0, None),
        ([], 2.0, None),
        ([0.1, 0.2], 0.3, (0, 1)),
    ],
)
def test_the_run_of_messages_across_which_an_amount_is_gone(
    gone: list[float], amount: float, run: tuple[int, int] | None
) -> None:
    assert run_of(gone, amount) == run


def test_levels_passed_by_a_new_best_rate_are_gone() -> None:
    asks = [(100.0, 1.0), (101.0, 2.0), (102.0, 4.0), (103.0, 8.0)]
    assert gone_behind(100.0, 102.0, 3.0, 1, asks) == 2.0 + 1.0
    assert gone_behind(100.0, 102.5, 3.0, 1, asks) == 2.0 + 4.0
    bids = [(99.0, 1.0), (98.0, 2.0)]
    assert gone_behind(99.0, 98.0, 2.5, -1, bids) == 0.0


level_lists = st.lists(
    st.tuples(st.integers(1, 4_000), st.floats(0.001, 50)),
    min_size=1,
    max_size=30,
    unique_by=lambda level: level[0],
)


@given(levels=level_lists, amount=st.floats(0.001, 2_000), side=st.sampled_from(["buy", "sell"]))
def test_stock_average_is_what_stock_freqtrade_answers(levels: Any, amount: float, side: Any) -> None:
    """The real method of freqtrade's exchange, with its own rounding, on the same book."""
    book = sorted(((rate / 10, shown) for rate, shown in levels), reverse=side == "sell")
    exchange = SimpleNamespace(
        exchange_has=lambda _: True, price_to_precision=lambda _, rate: price_to_precision(rate, 0.1, 4)
    )
    worst = book[0][0] * (1.05 if side == "buy" else 0.95)
    answer = Exchange.get_dry_market_fill_price(
        exchange, "A/B", side, amount, book[0][0], worst, {"asks": book[:20], "bids": book[:20]}
    )
    assert stock_average(iter(book), amount, side, digits=1) == pytest.approx(answer, abs=0.1000001)
    unrounded = stock_average(iter(book), amount, side, digits=12)
    assert abs(unrounded - answer) <= 0.0500001


def test_figures_of_known_errors() -> None:
    errors = np.array([-0.2, 0.0, 0.05, 0.1, 1.0])
    found = figures(errors)
    assert found["n"] == 5
    assert found["mean_bps"] == pytest.approx(0.19)
    assert found["mae_bps"] == pytest.approx(0.27)
    assert found["p50_bps"] == 0.05
    assert found["share_within_0.1bp"] == 0.6
    assert figures(np.array([]))["mean_bps"] is None


def test_scores_put_a_sweep_into_its_groups() -> None:
    scores = Scores(("ours", "clock"))
    scores.add(Sweep(1, "buy", 0.0, 0.0, [(100.0, 1.0)]), (100.0, math.nan))
    scores.add(Sweep(2, "sell", 0.0, 0.0, [(100.0, 30.0), (101.0, 30.0)]), (100.5, 101.0))
    found = {
        group: {method: bps.tolist() for method, bps in methods.items()}
        for group, methods in scores.errors().items()
    }
    second = {"ours": [0.0], "clock": [pytest.approx(1e4 * 0.5 / 100.5)]}
    first_too = {"ours": [0.0, 0.0], "clock": second["clock"]}
    assert found == {"all": first_too, "multi_level": second, "ge_5k": second}


@pytest.mark.parametrize(
    ("symbol", "value"),
    [("BTCUSD_PERP", 100.0), ("ETHUSD_241227", 10.0), ("BTCUSDT", None), ("BTCUSDT_241227", None)],
)
def test_large_sweeps_of_coin_margined_futures_are_told_by_value_not_contracts(
    symbol: str, value: float | None
) -> None:
    """60 contracts at 90,000 are 6,000 dollars of BTC and 600 of another coin, not 5.4 million."""
    assert contract_value(symbol) == value
    scores = Scores(("ours",))
    scores.add(Sweep(1, "buy", 0.0, 0.0, [(90_000.0, 60.0)]), (90_000.0,), contract_value(symbol))
    assert len(scores.errors()["ge_5k"]["ours"]) == (0 if value == 10 else 1)


@pytest.mark.parametrize(("symbol", "large"), [("BTCUSD_PERP", 1), ("ETHUSD_PERP", 0), ("BTCUSDT", 1)])
def test_the_scoreboard_tells_large_sweeps_by_value(tiny: Tiny, symbol: str, large: int) -> None:
    """60 at 100: 6,000 quote units, or as many contracts of 100 or 10 dollars."""
    tiny.snapshot().depth(100, (11, 11), asks=[["100.0", "60"]]).trade(150, "100.0", "60")
    named = (line.replace("btcusdt", symbol.lower()).replace("BTCUSDT", symbol) for line in tiny.lines)
    tiny.lines = list(named)
    report = tiny.measure()
    assert all_of(report)["n"] == 1
    assert report["sweeps"]["ge_5k"]["ours"]["n"] == large


def test_the_band_of_a_join_by_each_rule() -> None:
    """
    A bid joins 99 behind 1.0, an ask joins 100 behind 1.0.

    A sale of 1.5 at 99 passes the queue: by every estimate. A purchase of 0.5 at 100 only touches:
    optimistic. Then the ask falls to 99 at a look: stock's rule fills the bid.
    """
    book, joins = LocalBook(), Joins()
    book.snapshot(1, BIDS, ASKS)
    joins.look(T0, book)
    joins.sweep(Sweep(T0 + 100, "sell", 0.0, 0.0, [(99.0, 1.5)]))
    joins.sweep(Sweep(T0 + 200, "buy", 0.0, 0.0, [(100.0, 0.5)]))
    book.diff(2, 2, [["99.0", "0"]], [["99.0", "1"]])
    joins.look(T0 + 5_000, book)
    book.diff(3, 3, [["99.0", "1"]], [["99.0", "0"]])
    joins.look(T0 + 31_000, book)
    assert joins.figures() == {
        "joins": 2,
        "within_s": 30,
        "pessimistic": 0.5,
        "expected": 0.5,
        "optimistic": 1.0,
        "stock": 0.5,
    }


def test_the_command_writes_json_and_a_picture(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="--plot needs it, nothing else does")
    tiny.snapshot().depth(100, (11, 11)).trade(150, "100.0", "1").measure()
    out, picture = tmp_path / "out.json", tmp_path / "out.png"
    assert main([str(tiny.path), "--json", str(out), "--plot", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "100.0%" in shown
    assert "…" not in shown, "all of it is readable in 80 columns"
    assert picture.read_bytes().startswith(b"\x89PNG")
    report = json.loads(out.read_text())
    assert report["files"] == [str(tiny.path)]
    assert report["events_per_second"] > 0


def test_a_picture_of_no_known_kind_is_one_line_on_stderr(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="--plot needs it, nothing else does")
    tiny.snapshot().depth(100, (11, 11)).trade(150, "100.0", "1").measure()
    assert main([str(tiny.path), "--plot", str(tmp_path / "out.xyz")]) == 2
    assert capsys.readouterr().err.startswith("freqtrade-ext fidelity: Format 'xyz' is not supported")


FIGURES = {
    "n": int,
    "mean_bps": float,
    "mae_bps": float,
    "p1_bps": float,
    "p50_bps": float,
    "p99_bps": float,
    "share_within_0.1bp": float,
}
METHODS = {"ours": FIGURES, "stock": FIGURES}
CONTRACT = {
    "files": list,
    "symbol": str,
    "events": int,
    "events_per_second": int,
    "excluded": {"printed too late: the book already holds it": int},
    "sweeps": {"all": METHODS, "multi_level": METHODS, "ge_5k": METHODS},
    "resting": {
        "joins": int,
        "within_s": int,
        **dict.fromkeys(("pessimistic", "expected", "optimistic", "stock"), float),
    },
    "drift_bps": dict.fromkeys(("100ms", "250ms", "1000ms", "5000ms"), float),
}


def matches(value: Any, contract: Any) -> bool:
    if isinstance(contract, dict):
        return value.keys() == contract.keys() and all(matches(value[key], contract[key]) for key in contract)
    return type(value) is contract


def test_the_json_keeps_its_contract(tiny: Tiny) -> None:
    """Each key of it has its type, in a recording that has something for each; further keys stand beside."""
    tiny.snapshot().depth(100, (11, 11), asks=[["102.0", "100"]]).top(120, 12, "99", "1", "100", "1")
    tiny.trade(150, "100.0", "1").trade(150, "101.0", "0.5").trade(160, "102.0", "60").trade(50, "100.0", "1")
    for update_id in range(12, 400):
        tiny.depth(update_id * 100, (update_id, update_id))
    report = json.loads(json.dumps(tiny.measure()))
    assert matches({key: report[key] for key in CONTRACT}, CONTRACT), report


@pytest.mark.parametrize("content", [None, b"hello\n"])
def test_a_useless_file_is_one_line_on_stderr(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "useless"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    assert "useless" in capsys.readouterr().err


RECORDINGS = {
    "BTCUSDT": [f"hftbacktest_spot_BTCUSDT_20240808/btcusdt_202408{day}.gz" for day in ("08", "09")],
    "NEXOUSDT": [f"nexo_spot_NEXOUSDT_20240723_24/spot_nexousdt_202407{day}.dat.gz" for day in ("23", "24")],
}


@pytest.mark.parametrize(
    ("pair", "sweeps", "share", "mean_bps"), [("BTCUSDT", 7_134, 0.945, 0.05), ("NEXOUSDT", 6_062, 0.93, 0.5)]
)
def test_recorded_executions_are_predicted(
    shared_data: Path, pair: str, sweeps: int, share: float, mean_bps: float
) -> None:
    report, errors = measure(shared_data / "book" / file for file in RECORDINGS[pair])
    ours, stock = report["sweeps"]["all"]["ours"], report["sweeps"]["all"]["stock"]
    assert ours["n"] == sweeps == len(errors["ours"])
    assert ours["share_within_0.1bp"] >= share
    assert ours["mae_bps"] <= stock["mae_bps"] / 4
    assert abs(ours["mean_bps"]) <= mean_bps
    assert sum(report["excluded"].values()) <= 1
    band = report["resting"]
    assert band["pessimistic"] <= band["expected"] <= band["optimistic"]
    assert all(math.isfinite(bps) for bps in report["drift_bps"].values())


@pytest.mark.parametrize(
    ("pair", "orders"),
    [
        ("BTCUSDT", "taker_orders_vs_book_BTCUSDT_20240808.csv"),
        ("NEXOUSDT", "taker_orders_vs_book_NEXOUSDT_20240723_24.csv"),
    ],
)
def test_sweeps_are_those_that_others_found_on_the_tape(shared_data: Path, pair: str, orders: str) -> None:
    tape, found = SweepTape(), set()
    for record in Recording(shared_data / "book" / file for file in RECORDINGS[pair]):
        if record.kind == "trade" and (sweep := tape.add(record.local_ms, record.data)):
            found.add(
                (sweep.time_ms, sweep.side, round(sweep.amount, 6), round(sweep.cost / sweep.amount, 6))
            )
    with (shared_data / "derived" / orders).open() as file:
        theirs = {
            (
                int(row["T_ms"]),
                row["taker_side"],
                round(float(row["qty"]), 6),
                round(float(row["actual_vwap"]), 6),
            )
            for row in csv.DictReader(file)
        }
    assert len(theirs & found) >= 0.997 * len(theirs)
