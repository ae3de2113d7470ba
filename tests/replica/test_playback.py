import json
from bisect import bisect_right
from pathlib import Path
from typing import Any

import pytest

from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.fixed import to_fixed
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.playback import play
from freqtrade_ext.tape import Recording
from tests.replica.talk import Time, client

START_MS = 1_795_376_100_000


def line(local_ms: int, message: dict[str, Any]) -> str:
    return f"{local_ms * 1_000_000} {json.dumps(message, separators=(',', ':'))}\n"


def event(local_ms: int, stream: str, **data: Any) -> str:
    return line(local_ms, {"stream": f"ethusdt@{stream}", "data": {"s": "ETHUSDT", **data}})


def diff(ms: int, first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> str:
    return event(ms, "depth@100ms", e="depthUpdate", E=ms + 500, U=first, u=last, b=bids, a=asks)


def top(ms: int, update_id: int, bid: str, ask: str) -> str:
    return event(ms, "bookTicker", u=update_id, b=bid, B="1", a=ask, A="1")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Diffs from before the snapshot, a top that is ahead of the diffs, a recorder's clock 500 ms late."""
    path = tmp_path / "ethusdt.dat"
    snapshot = {
        "lastUpdateId": 105,
        "bids": [["99.00", "1"], ["98.00", "2"]],
        "asks": [["101.00", "3"], ["102.00", "4"]],
    }
    path.write_text(
        diff(1_700_000_000_000, 90, 100, [["99.00", "7"]], [])
        + diff(1_700_000_000_100, 101, 110, [["97.00", "5"]], [])
        + line(1_700_000_000_150, snapshot)
        + top(1_700_000_000_200, 115, "98.00", "101.50")
        + diff(1_700_000_000_300, 111, 113, [["99.00", "6"]], [["103.00", "9"]])
        + event(
            1_700_000_001_000,
            "trade",
            e="trade",
            E=1_700_000_001_500,
            t=77,
            p="98.00",
            q="0.5",
            T=1_700_000_001_499,
            m=True,
        )
        + diff(1_700_000_002_000, 114, 120, [["98.00", "0.5"]], [])
    )
    return path


def book(market: Market) -> tuple[dict[float, float], dict[float, float]]:
    bids, asks = ({r / 1e8: a / 1e8 for r, a in side.levels()} for side in (market.bids, market.asks))
    return bids, asks


def test_a_diff_does_not_bring_back_levels_that_a_newer_top_has_shown_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "ethusdt.dat"
    snapshot = {"lastUpdateId": 100, "bids": [["99.00", "1"]], "asks": [["101.00", "1"], ["103.00", "1"]]}
    path.write_text(
        line(1_700_000_000_000, snapshot)
        + top(1_700_000_000_010, 105, "99.00", "102.50")
        + top(1_700_000_000_020, 107, "99.00", "101.00")
        + diff(1_700_000_000_100, 101, 103, [], [["102.00", "5"]])
    )
    exchange = play([path], 1.0, loop=False, clock=Time(START_MS))
    exchange.advance(START_MS + 1_000)
    (market,) = exchange.markets
    assert book(market)[1] == {101: 1, 102.5: 1, 103: 1}


def test_a_recording_plays_from_its_snapshot_with_its_own_ids_and_times_from_now(recording: Path) -> None:
    clock = Time(START_MS)
    exchange = play([recording], 1.0, loop=False, clock=clock)
    (market,) = exchange.markets
    assert market.update_id == 110
    assert book(market) == ({99: 1, 98: 2, 97: 5}, {101: 3, 102: 4})
    exchange.advance(START_MS + 100)
    assert market.update_id == 115
    assert book(market) == ({98: 1, 97: 5}, {101.5: 1, 102: 4})
    exchange.advance(START_MS + 200)
    assert market.update_id == 116
    assert book(market) == ({98: 1, 97: 5}, {101.5: 1, 102: 4, 103: 9})
    exchange.advance(START_MS + 5000)
    assert market.update_id == 120
    assert book(market)[0] == {98: 0.5, 97: 5}
    (trade,) = market.trades
    assert (trade.id, trade.rate, trade.is_buyer_maker) == (77, to_fixed("98"), True)
    assert START_MS + 840 < trade.ms < START_MS + 860
    assert market.candles.close == to_fixed("98")


@pytest.mark.parametrize("snapshot_first", [True, False])
def test_after_missing_changes_the_book_begins_anew_with_the_next_snapshot(
    recording: Path, tmp_path: Path, snapshot_first: bool
) -> None:
    anew = line(1_700_000_003_050, {"lastUpdateId": 205, "bids": [["95.00", "1"]], "asks": [["96.00", "2"]]})
    over_the_gap = diff(1_700_000_003_000, 201, 206, [["94.00", "3"]], [])
    later = tmp_path / "later.dat"
    later.write_text(
        (anew + over_the_gap if snapshot_first else over_the_gap + anew)
        + diff(1_700_000_003_100, 207, 208, [], [["96.00", "0"], ["97.00", "4"]])
        # a snapshot where nothing is missing would only lose what lies deeper
        + line(1_700_000_003_150, {"lastUpdateId": 208, "bids": [["95.00", "1"]], "asks": [["97.00", "4"]]})
        + diff(1_700_000_003_200, 209, 210, [["93.00", "5"]], [])
    )
    clock = Time(START_MS)
    exchange = play([recording, later], 1.0, loop=False, clock=clock)
    (market,) = exchange.markets
    exchange.advance(START_MS + 2_000)
    assert book(market)[0] == {98: 0.5, 97: 5}
    exchange.advance(START_MS + 10_000)
    assert book(market) == ({95: 1, 94: 3, 93: 5}, {97: 4})


@pytest.mark.parametrize(
    ("stream", "damaged"),
    [
        ("trade", {"e": "trade", "T": 1_700_000_000_600, "t": 70, "p": "98.00", "q": "1"}),
        ("trade", {"e": "trade", "T": 1_700_000_000_600, "t": 70, "p": "0", "q": "1", "m": True}),
        (
            "depth",
            {"e": "depthUpdate", "E": 1_700_000_000_700, "U": 111, "u": 112, "b": [["x", "1"]], "a": []},
        ),
        ("depth", {"e": "depthUpdate", "E": 1_700_000_000_700, "U": 111, "b": [], "a": []}),
        ("bookTicker", {"u": "116", "b": "98.00", "B": "1", "a": "101.00", "A": "1"}),
    ],
)
def test_a_damaged_message_is_passed_over_and_the_market_goes_on(
    recording: Path, stream: str, damaged: dict[str, Any]
) -> None:
    """It ended the recording without a word, or the command with a traceback."""
    lines = recording.read_text().splitlines(keepends=True)
    lines.insert(4, event(1_700_000_000_250, stream, **damaged))
    recording.write_text("".join(lines))
    exchange = play([recording], 1.0, loop=False, clock=Time(START_MS))
    (market,) = exchange.markets
    exchange.advance(START_MS + 5_000)
    assert (market.update_id, [trade.id for trade in market.trades]) == (120, [77])
    assert book(market) == ({98: 0.5, 97: 5}, {101.5: 1, 102: 4, 103: 9})


def test_a_trade_that_is_told_twice_happens_once(recording: Path) -> None:
    """By two connections, or as aggregated trade before the first single one."""
    printed = {"T": 1_700_000_001_499, "p": "98.00", "q": "0.5", "m": True}
    first, again = ({"e": "aggTrade", "f": 77, "l": 77}, {"e": "trade", "t": 77})
    lines = recording.read_text().splitlines(keepends=True)
    lines.insert(5, event(1_700_000_000_999, "aggTrade", **first, **printed))
    lines.insert(7, event(1_700_000_001_001, "trade", **again, **printed))
    recording.write_text("".join(lines))
    exchange = play([recording], 1.0, loop=False, clock=Time(START_MS))
    exchange.advance(START_MS + 5_000)
    assert [trade.id for trade in exchange.markets[0].trades] == [77]


def test_the_futures_stream_is_followed_by_its_own_ids(
    recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids of other pairs lie between its diffs, which is no gap: each diff warned of one."""
    following = {"e": "depthUpdate", "E": 1_700_000_003_500, "pu": 120, "U": 150, "u": 160}
    with recording.open("a") as file:
        file.write(event(1_700_000_003_000, "depth", **following, b=[["96.00", "1"]], a=[]))
    exchange = play([recording], 1.0, loop=False, clock=Time(START_MS))
    exchange.advance(START_MS + 5_000)
    assert exchange.markets[0].update_id == 160
    assert "missing" not in caplog.text


def test_a_book_of_one_side_is_played(tmp_path: Path) -> None:
    path = tmp_path / "ethusdt.dat"
    empty = {"lastUpdateId": 90, "bids": [], "asks": []}
    path.write_text(
        line(1_700_000_000_000, empty)
        + line(1_700_000_000_000, {**empty, "lastUpdateId": 100, "asks": [["101.00", "1"]]})
        + diff(1_700_000_000_100, 101, 103, [["100.00", "5"]], [])
    )
    exchange = play([path], 1.0, loop=False, clock=Time(START_MS))
    exchange.advance(START_MS + 1_000)
    assert book(exchange.markets[0]) == ({100: 5}, {101: 1})


def test_speed_and_loop(recording: Path) -> None:
    clock = Time(START_MS)
    exchange = play([recording], 10.0, loop=True, clock=clock)
    (market,) = exchange.markets
    exchange.advance(START_MS + 190)
    assert market.update_id == 120
    exchange.advance(START_MS + 1500)
    assert len(market.trades) == 2
    assert market.update_id > 120
    assert book(market)[0] == {98: 0.5, 97: 5}


def test_candles_before_the_recording_end_at_its_first_rate(recording: Path) -> None:
    exchange = play([recording], 1.0, loop=False, clock=Time(START_MS))
    rows = exchange.markets[0].candles.interval("1h", limit=1000)
    assert len(rows) == 1000
    assert rows[-1, 4] == to_fixed("99")


def test_a_resting_order_of_the_account_is_hit_by_recorded_prints_and_quotes(recording: Path) -> None:
    clock = Time(START_MS)
    with Replica(recording=[recording], clock=clock) as replica:
        trader = client(replica)
        trader.milliseconds = lambda: clock.ms
        # above all recorded bids: nobody is ahead
        order = trader.create_order("ETH/USDT", "limit", "buy", 0.2, 99.5)
        clock.ms += 3000
        replica.advance(clock.ms)
        filled = trader.fetch_order(order["id"], "ETH/USDT")
        assert [filled["status"], filled["filled"], filled["average"]] == ["closed", 0.2, 99.5]


def test_files_without_a_book_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    path.write_text(diff(1_700_000_000_000, 90, 100, [["99.00", "7"]], []))
    with pytest.raises(ValueError, match="no snapshot of a book"):
        play([path], 1.0, loop=False, clock=Time(START_MS))


@pytest.mark.parametrize(
    ("folder", "seconds"),
    [
        ("nexo_spot_NEXOUSDT_20240723_24", 3600),
        ("hftbacktest_spot_BTCUSDT_20240808", 120),
        ("deep_orderbook_ETHBTC_20201101_09h", 600),
    ],
)
def test_real_recordings_play_with_their_ids_and_are_never_crossed(
    shared_data: Path, folder: str, seconds: int
) -> None:
    paths = sorted((shared_data / "book" / folder).iterdir())
    exchange = play(paths, 1.0, loop=False, clock=Time(START_MS))
    (market,) = exchange.markets
    recorded = sorted(
        record.data["u"] for record in Recording(paths) if record.kind in ("depth", "bookTicker")
    )
    for second in range(1, seconds, 2):
        exchange.advance(START_MS + second * 1000)
        bid, ask = market.bids.best(), market.asks.best()
        assert bid is not None
        assert ask is not None
        assert bid < ask
    # one ahead where a diff has just brought what happened before the bookTicker that was known already
    assert market.update_id - recorded[bisect_right(recorded, market.update_id) - 1] <= 1
    assert market.trades
