"""The recorder on the embedded exchange; its files through the reader and the local book."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_right
from urllib.request import Request, urlopen

import pytest

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.fidelity.scoreboard import measure
from freqtrade_ext.replica import Replica
from freqtrade_ext.run import record as command
from freqtrade_ext.run import record_pair as pair_recorder
from freqtrade_ext.tape import Recording
from freqtrade_ext.tape.writer import RecordError, RecordingFile
from tests.bot_process import ROOT, wait_until

PAIRS = ["BTC/USDT", "ETH/USDT"]


@pytest.fixture(scope="module")
def replica():
    with Replica(seed=5, pairs=PAIRS, scenario="calm", activity=3.0) as replica:
        yield replica


def control(replica, path, /, **body):
    with urlopen(Request(f"{replica.url}/control/{path}", json.dumps(body).encode()), timeout=5) as answer:
        assert answer.status == 200


def overlay(replica):
    config = replica.overlay()
    config["exchange"]["ccxt_config"]["enableRateLimit"] = False
    return config


def recorded(replica, folder, seconds, pairs=PAIRS, meanwhile=None):
    """Record into the folder, and return its files by pair, in order."""

    async def work():
        task = asyncio.create_task(command.record(overlay(replica), pairs, seconds, folder))
        if meanwhile is not None:
            await asyncio.to_thread(meanwhile)
        await task

    asyncio.run(work())
    return {pair: sorted(folder.glob(f"{pair.replace('/', '').lower()}_*.gz")) for pair in pairs}


def play(files):
    """
    Rebuild the book and compare its top with the recorded best bid/ask of the same update id.

    :return: number of comparisons, those that differ, and why the book is not in step at the end, if so.
    """
    recording = Recording(files)
    records = list(recording)
    assert recording.skipped == 0
    tops = {}
    for entry in records:
        if entry.kind == "bookTicker":
            data = entry.data
            tops[data["u"]] = Top(data["u"], *(float(data[name]) for name in "bBaA"))
    ids = sorted(tops)
    book, began, compared, differing = LocalBook(), 0, 0, []
    for entry in records:
        data = entry.data
        if entry.kind == "snapshot":
            began = data["lastUpdateId"]
            book.snapshot(began, data["bids"], data["asks"])
        elif entry.kind == "depth" and book.diff(data["U"], data["u"], data["b"], data["a"]):
            newest = bisect_right(ids, book.update_id) - 1
            # what was best before a snapshot may have changed in a gap
            if newest >= 0 and ids[newest] > began:
                top = tops[ids[newest]]
                compared += 1
                own = [next(book.levels(side)) for side in ("buy", "sell")]
                if own != [top.level("buy"), top.level("sell")]:
                    differing.append((book.update_id, own, top))
    return compared, differing, book.lost


def lines(path):
    with gzip.open(path, "rt") as file:
        return [(int(line.split(" ", 1)[0]), json.loads(line.split(" ", 1)[1])) for line in file]


def test_the_recorded_book_equals_the_recorded_best_bid_and_ask(replica, tmp_path):
    files = recorded(replica, tmp_path / "new" / "folder", 4)
    for pair, paths in files.items():
        assert len(paths) == 1
        compared, differing, lost = play(paths)
        assert lost is None
        assert compared > 10, pair
        assert differing == []
        first, *rest = lines(paths[0])
        assert "lastUpdateId" in first[1]
        assert len(str(first[0])) == 19
        symbol = pair.replace("/", "").lower()
        streams = {message["stream"] for _, message in rest}
        assert streams == {f"{symbol}@{channel}" for channel in pair_recorder.CHANNELS}
        # only differences that the snapshot needs may be older than it
        times = [local_ns for local_ns, message in rest if "depth" not in message["stream"]]
        assert times == sorted(times)
        assert times[0] >= first[0]


def test_what_was_recorded_across_a_gap_is_played_and_scored(replica, tmp_path):
    def meanwhile():
        time.sleep(2.5)
        control(replica, "fault", disconnect=True)

    files = [path for paths in recorded(replica, tmp_path, 8, meanwhile=meanwhile).values() for path in paths]
    assert len(files) == 4, "two pairs before and after the gap"
    with Replica(recording=files) as player:
        for symbol in ("BTCUSDT", "ETHUSDT"):
            with urlopen(f"{player.url}/api/v3/depth?symbol={symbol}&limit=5") as answer:
                assert len(json.load(answer)["bids"]) == 5
    report, _ = measure(files)
    assert report["symbol"] == "BTCUSDT,ETHUSDT"
    assert report["skipped_lines"] == 0
    assert report["alignment"]["without_best_bid_ask"] == []
    ours, stock = report["sweeps"]["all"]["ours"], report["sweeps"]["all"]["stock"]
    assert ours["n"] > 4 * sum(report["excluded"].values())
    assert ours["mae_bps"] < stock["mae_bps"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"disconnect": True}, "the exchange ended the connection"),
        ({"stream": "btcusdt@depth", "kind": "gap"}, "is missing"),
    ],
)
def test_a_gap_is_noted_and_begins_another_file(replica, tmp_path, fault, why):
    def meanwhile():
        time.sleep(1.5)
        control(replica, "fault", **fault)

    files = recorded(replica, tmp_path, 5, ["BTC/USDT"], meanwhile)["BTC/USDT"]
    assert len(files) == 2
    for path in files:
        compared, differing, lost = play([path])
        assert (differing, lost) == ([], None)
        assert compared > 3
    (_, snapshot), (local_ns, note) = lines(files[1])[:2]
    assert "lastUpdateId" in snapshot
    assert why in note["gap"]["why"]
    assert 0 < local_ns - note["gap"]["since_ns"] < 5e9
    assert play(files)[1:] == ([], None)


def test_rotation_loses_nothing_and_each_file_stands_alone(replica, tmp_path, monkeypatch):
    monkeypatch.setattr(pair_recorder, "ROTATE_SECONDS", 1.1)
    files = recorded(replica, tmp_path, 4.5, ["BTC/USDT"])["BTC/USDT"]
    assert len(files) >= 3
    for path in files:
        assert play([path])[1:] == ([], None)
    trades = [entry.data["t"] for entry in Recording(files) if entry.kind == "trade"]
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert not any("gap" in message for path in files for _, message in lines(path))
    assert play(files)[1:] == ([], None)


@pytest.fixture
def running(replica, tmp_path):
    """The command in a process of its own, once it has written something."""
    config = tmp_path / "overlay.json"
    config.write_text(json.dumps(overlay(replica)))
    command = [sys.executable, "-m", "freqtrade_ext", "record", "--pairs", "BTC/USDT", "--minutes", "5"]
    command += ["--out", str(tmp_path / "out"), "--config", str(config)]
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        wait_until(
            lambda: [f for f in (tmp_path / "out").glob("*.gz") if f.stat().st_size > 5_000], "data", 30
        )
        yield process, tmp_path / "out", log
    finally:
        process.kill()
        process.wait(5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_signal_files_are_whole(running, number):
    process, folder, log = running
    process.send_signal(number)
    assert process.wait(10) == 0
    (path,) = folder.glob("*.gz")
    assert len(lines(path)) > 10
    assert play([path])[1:] == ([], None)
    assert "BTC/USDT: " in log.read_text().splitlines()[-1] or "stopped" in log.read_text()


def test_killed_files_are_readable_up_to_the_last_flush(running):
    process, folder, _ = running
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(5)
    (path,) = folder.glob("*.gz")
    recording = Recording([path])
    count = sum(1 for _ in recording)
    assert count > 10
    assert recording.skipped == 1, "only the end that is cut off"


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "tape.gz"
    path.write_text("precious")
    with pytest.raises(RecordError, match=r"tape\.gz: File exists"):
        RecordingFile(path)
    assert path.read_text() == "precious"


def test_an_unknown_pair_is_one_clear_error(replica, tmp_path, capsys):
    config = tmp_path / "overlay.json"
    config.write_text(json.dumps(overlay(replica)))
    code = command.main(["--pairs", "BTC/EUR", "--out", str(tmp_path / "out"), "--config", str(config)])
    assert code == 1
    assert "binance spot has no pair BTC/EUR; with BTC there are BTC/USDT" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_exchange_that_does_not_answer_is_one_clear_error(replica, tmp_path, capsys):
    dead = json.loads(json.dumps(overlay(replica)).replace(str(replica.port), "9"))
    config = tmp_path / "overlay.json"
    config.write_text(json.dumps(dead))
    assert command.main(["--pairs", "BTC/USDT", "--out", str(tmp_path), "--config", str(config)]) == 1
    assert "binance does not answer: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--exchange", "kraken", "--pairs", "BTC/USDT"],
            "invalid choice: 'kraken' (choose from 'binance', 'bitstamp', 'bybit', 'hyperliquid', 'okx')",
        ),
        (["--pairs", " , "], "--pairs: needs a pair"),
        (["--pairs", "BTC/USDT", "--minutes", "nan"], "--minutes: must be from 0.001 to 1e+06, is nan"),
    ],
)
def test_wrong_arguments_say_what_is_right(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit):
        command.main([*arguments, "--out", str(tmp_path)])
    assert message in capsys.readouterr().err
