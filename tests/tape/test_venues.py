"""Messages of other venues, as their documents show them, through the reader and the scoreboard."""

import json

import pytest

from freqtrade_ext.fidelity.scoreboard import measure
from freqtrade_ext.tape import Recording

T0 = 1_700_000_000_000
BIDS, ASKS = [["99", "1"], ["98", "10"]], [["100", "1"], ["101", "10"]]


def bybit_book(at, kind, number, bids=(), asks=(), depth=200):
    data = {"s": "BTCUSDT", "b": list(bids), "a": list(asks), "u": number, "seq": 7}
    return {
        "topic": f"orderbook.{depth}.BTCUSDT",
        "type": kind,
        "ts": T0 + at + 9,
        "data": data,
        "cts": T0 + at,
    }


def bybit_trade(at, rate, amount, number, side="Buy", seq=1, **more):
    row = {
        "T": T0 + at,
        "s": "BTCUSDT",
        "S": side,
        "v": amount,
        "p": rate,
        "L": "PlusTick",
        "i": f"a-{number}",
    }
    row |= {"BT": False, "RPI": False, "seq": seq} | more
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": T0 + at + 9, "data": [row]}


def okx_book(at, action, before, number, bids=(), asks=(), channel="books"):
    rows = {
        side: [[*level, "0", "1"] for level in levels] for side, levels in (("bids", bids), ("asks", asks))
    }
    numbers = {"ts": str(T0 + at), "checksum": 0, "prevSeqId": before, "seqId": number}
    return {"arg": {"channel": channel, "instId": "BTC-USDT"}, "action": action, "data": [rows | numbers]}


def okx_trade(at, rate, amount, number, side="buy", source="0"):
    row = {"instId": "BTC-USDT", "tradeId": str(number), "px": rate, "sz": amount, "side": side}
    row |= {"ts": str(T0 + at), "count": "1", "source": source, "seqId": 1234}
    return {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [row]}


def hyperliquid_book(at, bids=BIDS, asks=ASKS):
    levels = [[{"px": rate, "sz": amount, "n": 1} for rate, amount in side] for side in (bids, asks)]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": T0 + at, "levels": levels}}


def hyperliquid_trade(at, rate, amount, number, order="0xaa", taker="0x1", side="B"):
    users = [taker, "0xmaker"] if side == "B" else ["0xmaker", taker]
    row = {"coin": "BTC", "side": side, "px": rate, "sz": amount, "time": T0 + at, "hash": order}
    return {"channel": "trades", "data": [row | {"tid": number, "users": users}]}


def scored(tmp_path, *messages):
    """Arriving 20 ms after the local clock's time of the one before."""
    path = tmp_path / "tape"
    lines = [f"{(T0 + 20 * n) * 1_000_000} {json.dumps(m)}" for n, m in enumerate(messages)]
    path.write_text("\n".join(lines) + "\n")
    return measure([path])[0]


def all_of(report):
    ours = report["sweeps"]["all"]["ours"]
    return ours["n"], ours["mae_bps"]


def one_after_the_other(name):
    """A book, its change, and a taker order over two levels of what it is then."""
    changed = [["100", "0"], ["100.5", "2"]]
    return {
        "bybit": [
            {"success": True, "ret_msg": "", "conn_id": "1", "op": "subscribe"},
            bybit_book(0, "snapshot", 41, BIDS, ASKS),
            bybit_book(100, "delta", 42, asks=changed),
            bybit_trade(150, "100.5", "2", 1),
            bybit_trade(150, "101", "1", 2),
            bybit_book(200, "delta", 43, asks=[["100.5", "0"], ["101", "9"]]),
        ],
        "okx": [
            {"event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}, "connId": "a"},
            okx_book(0, "snapshot", -1, 1000, BIDS, ASKS),
            okx_book(60, "update", 1000, 1000),
            okx_book(100, "update", 1000, 1012, asks=changed),
            okx_trade(150, "100.5", "2", 1),
            okx_trade(150, "101", "1", 2),
            okx_book(200, "update", 1012, 3, asks=[["100.5", "0"], ["101", "9"]]),
        ],
        "hyperliquid": [
            hyperliquid_book(0),
            hyperliquid_book(0),
            hyperliquid_book(100, asks=[["100.5", "2"], ["101", "10"]]),
            hyperliquid_trade(150, "100.5", "2", 1),
            hyperliquid_trade(150, "101", "1", 2),
            hyperliquid_book(700, asks=[["101", "9"]]),
        ],
    }[name]


@pytest.mark.parametrize("name", ["bybit", "okx", "hyperliquid"])
def test_a_taker_order_of_two_prints_is_one_and_is_predicted(tmp_path, name):
    report = scored(tmp_path, *one_after_the_other(name))
    assert all_of(report) == (1, 0.0)
    assert report["sweeps"]["multi_level"]["ours"]["n"] == 1
    assert (report["excluded"], report["skipped_lines"]) == ({}, 0)


@pytest.mark.parametrize(
    ("snapshot", "late", "anew", "printed"),
    [
        (
            bybit_book(0, "snapshot", 41, BIDS, ASKS),
            bybit_book(100, "delta", 43, asks=[["101", "0"]]),
            bybit_book(300, "snapshot", 1, BIDS, ASKS),
            lambda at, n: bybit_trade(at, "100", "1", n),
        ),
        (
            okx_book(0, "snapshot", -1, 1000, BIDS, ASKS),
            okx_book(100, "update", 1001, 1012, asks=[["101", "0"]]),
            okx_book(300, "snapshot", -1, 1020, BIDS, ASKS),
            lambda at, n: okx_trade(at, "100", "1", n),
        ),
    ],
    ids=["bybit", "okx"],
)
def test_after_a_gap_the_book_is_unknown_until_the_next_whole_one(tmp_path, snapshot, late, anew, printed):
    messages = [snapshot, printed(50, 1), late, printed(150, 2), anew, printed(350, 3)]
    report = scored(tmp_path, *messages)
    assert all_of(report) == (2, 0.0)
    assert report["excluded"] == {"gap in the book's updates": 1}


@pytest.mark.parametrize(
    "messages",
    [
        [
            bybit_book(0, "snapshot", 1, BIDS, ASKS),
            *(bybit_trade(50, "100", "0.4", n, seq=n) for n in (1, 2)),
        ],
        [hyperliquid_book(0), *(hyperliquid_trade(50, "100", "0.4", n, order=f"0x{n}") for n in (1, 2))],
        # one transaction without a hash for each, as the slices of a TWAP have
        [hyperliquid_book(0), *(hyperliquid_trade(50, "100", "0.4", n, taker=f"0x{n}") for n in (1, 2))],
    ],
)
def test_orders_of_one_millisecond_are_told_apart_where_the_venue_does(tmp_path, messages):
    assert all_of(scored(tmp_path, *messages)) == (2, 0.0)


@pytest.mark.parametrize(
    "messages",
    [
        [bybit_book(0, "snapshot", 1, BIDS, ASKS), bybit_trade(50, "99.7", "1", 1, RPI=True)],
        [bybit_book(0, "snapshot", 1, BIDS, ASKS), bybit_trade(50, "97", "500", 1, BT=True)],
        [okx_book(0, "snapshot", -1, 5, BIDS, ASKS), okx_trade(50, "99.7", "1", 1, source="1")],
    ],
)
def test_trades_with_what_no_book_shows_do_not_count(tmp_path, messages):
    assert all_of(scored(tmp_path, *messages))[0] == 0


def test_a_trade_that_a_new_subscription_tells_again_counts_once(tmp_path):
    messages = [hyperliquid_book(0), *[hyperliquid_trade(50, "100", "0.5", 1)] * 2]
    assert all_of(scored(tmp_path, *messages)) == (1, 0.0)


def test_of_several_streams_of_a_book_the_deepest_is_followed(tmp_path):
    """As public recorders write them; the numbers of each are its own."""
    report = scored(
        tmp_path,
        bybit_book(0, "snapshot", 900, BIDS[:1], ASKS[:1], depth=1),
        bybit_book(0, "snapshot", 50, BIDS, ASKS, depth=50),
        bybit_book(10, "snapshot", 7, BIDS, [*ASKS, ["102", "50"]], depth=500),
        bybit_book(20, "delta", 51, asks=[["101", "0"]], depth=50),
        bybit_trade(50, "100", "1", 1),
        bybit_trade(50, "101", "10", 2),
        bybit_trade(50, "102", "5", 3),
    )
    assert all_of(report) == (1, 0.0)


def test_a_swap_s_contracts_become_coins(tmp_path):
    messages = [{"exchange": "okx", "pair": "BTC/USDT:USDT", "contractSize": 0.01}]
    messages += [okx_book(0, "snapshot", -1, 5, BIDS, ASKS), okx_trade(50, "100", "1", 1)]
    assert all_of(scored(tmp_path, *messages)) == (1, 0.0)
    book, _, printed = Recording([tmp_path / "tape"])
    assert (book.data["asks"][0], printed.data["q"]) == (["100", 0.01], 0.01)


REAL = {
    "bybit_XRPUSDT_20241201/2024-12-01_XRPUSDT_ob500.data.gz": (0, {}),
    "hyperliquid_BTC_20250126/btcusd_20250126.gz": (28, {"before the first snapshot": 30}),
}


@pytest.mark.parametrize("file", REAL)
def test_what_others_recorded_is_scored(shared_data, file):
    """Hyperliquid's with an order over four levels; the trades before it are those told when subscribing."""
    report, errors = measure([shared_data / "book" / file])
    assert (all_of(report)[0], report["excluded"]) == REAL[file]
    assert report["skipped_lines"] == 0
    assert max(abs(errors["ours"]), default=0) < 0.1
