"""Each venue's streams recorded from its stub, read and scored: taker orders whose average rate is known."""

import asyncio
import gzip
import json
import time
from contextlib import ExitStack

import pytest

from freqtrade_ext.fidelity.scoreboard import measure
from freqtrade_ext.fidelity.tape import SweepTape
from freqtrade_ext.replica import Replica
from freqtrade_ext.run import record as command
from freqtrade_ext.run import record_venue
from freqtrade_ext.tape import Recording, RecordingError
from tests.bot_process import wait_until
from tests.venues.bybit import Bybit
from tests.venues.test_stubs import VENUES

pytestmark = pytest.mark.timeout(120)

BIDS, ASKS = [(104_000, 0.5), (103_990, 2), (103_900, 9)], [(104_010, 0.25), (104_030, 1), (104_100, 9)]
ORDERS = [("buy", 0.75, (0.25 * 104_010 + 0.5 * 104_030) / 0.75), ("sell", 1.0, (104_000 + 103_990) / 2)]
"""side, amount, and the average rate on the book above"""
NEWS_SECONDS = 0.7
"""Hyperliquid tells the book twice a second"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """The files of each venue, recorded at the same time."""

    async def work():
        with ExitStack() as stack:
            found = {}
            for case in VENUES:
                venue, pair = case.values
                stub = stack.enter_context(venue([pair], futures=":" in pair))
                stub.book("BTC", BIDS, ASKS)
                found[case.id] = asyncio.create_task(record(stub, tmp_path_factory.mktemp(case.id)))
            await asyncio.gather(*found.values())
            return {name: task.result() for name, task in found.items()}

    return asyncio.run(work())


async def record(stub, folder):
    config = {"exchange": stub.overlay()["exchange"]}
    config["exchange"]["ccxt_config"]["enableRateLimit"] = False
    task = asyncio.create_task(command.record(config, stub.pairs, 60, folder, stub.EXCHANGE))
    try:
        await asyncio.to_thread(live, stub, folder)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return sorted(folder.glob("*.gz"))


def live(stub, folder):
    """Take from the book, before and after a lost connection; then lose messages."""
    wait_for_file(stub, folder, 1)
    trade(stub)
    stub.hang_up()
    wait_for_file(stub, folder, 2)
    trade(stub)
    if stub.EXCHANGE != "hyperliquid":
        stub.lose("^(orderbook|books)", 2)
        for rate in range(104_011, 104_015):
            stub.book("BTC", BIDS, [(rate, 0.25), *ASKS[1:]])
            time.sleep(0.15)
        wait_for_file(stub, folder, 3)


def wait_for_file(stub, folder, number):
    def has_begun():
        topics = [name for client in list(stub._clients) for name in list(client.topics)]
        return len(topics) == 2 and len(list(folder.glob("*.gz"))) == number

    wait_until(has_begun, f"file {number} of {stub.EXCHANGE}", 30)
    time.sleep(NEWS_SECONDS)


def trade(stub):
    """Let strangers take from a book that is whole before each of them."""
    for side, amount, _ in ORDERS:
        stub.book("BTC", BIDS, ASKS)
        time.sleep(NEWS_SECONDS)
        stub.take("BTC", side, amount)
        time.sleep(0.1)


NAMES = [case.id for case in VENUES]


@pytest.mark.parametrize("name", NAMES)
def test_taker_orders_are_predicted_from_what_was_recorded(recordings, name):
    files = recordings[name]
    report, _ = measure(files)
    assert (report["skipped_lines"], report["excluded"]) == (0, {})
    # those of at least 5,000 count coins, whatever the venue counts
    for group in ("all", "multi_level", "ge_5k"):
        ours = report["sweeps"][group]["ours"]
        assert (ours["n"], ours["share_within_0.1bp"]) == (4, 1.0)
    tape = SweepTape()
    sweeps = [tape.add(r.local_ms, r.data) for r in Recording(files) if r.kind == "trade"] + [tape.close()]
    found = [(s.side, pytest.approx(s.amount), pytest.approx(s.cost / s.amount)) for s in sweeps if s]
    assert found == ORDERS * 2


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("hyperliquid")])
def test_a_lost_message_begins_another_file_that_says_why(recordings, name):
    *_, file = recordings[name]
    with gzip.open(file, "rt") as lines:
        about, gap, *_ = [json.loads(line.split(" ", 1)[1]) for line in lines]
    assert (about["exchange"], about["contractSize"]) == (name.split("-")[0], 0.01 if "swap" in name else 1)
    assert "update" in gap["gap"]["why"] or "nonce" in gap["gap"]["why"]
    assert [r.kind for r in Recording([file])][:2] == ["snapshot", "depth"]


def test_a_new_hour_begins_another_file_with_a_whole_book(tmp_path, monkeypatch):
    monkeypatch.setattr(record_venue, "ROTATE_SECONDS", 0.7)
    with Bybit(["BTC/USDT"]) as stub:
        config = {"exchange": stub.overlay()["exchange"]}
        asyncio.run(command.record(config, stub.pairs, 4, tmp_path, "bybit"))
    files = sorted(tmp_path.glob("*.gz"))
    assert len(files) >= 2
    # the last one may have just begun
    kinds = [[r.kind for r in Recording([file])][:2] for file in files[:-1]]
    assert kinds == [["snapshot", "depth"]] * len(kinds)
    with gzip.open(files[1], "rt") as lines:
        assert "another hour begins" in lines.read()


def test_the_embedded_exchange_refuses_another_venue_s_recording_by_its_name(recordings):
    with pytest.raises(RecordingError, match=r"a recording of OKX; only Binance's can be played"):
        Replica(recording=recordings["okx-spot"]).__enter__()
