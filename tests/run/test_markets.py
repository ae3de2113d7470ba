"""`freqtrade-ext replay --seeds`: the same numbers whoever runs them, and nothing is done twice."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freqtrade_ext.run import workers
from freqtrade_ext.run.markets import markets_of, result_files, seeds_of
from freqtrade_ext.run.replay import main
from freqtrade_ext.run.workers import MarketsError, run_markets
from tests.bot_process import ENVIRONMENT, ROOT

pytestmark = pytest.mark.timeout(280)

SHORT = ["--days", "0.004", "--pairs", "BTC/USDT"]


def replay(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "freqtrade_ext", "replay", "--report", str(folder), *SHORT, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(folder):
    return {file.name: json.loads(file.read_text()) for file in (folder / "markets").glob("*.json")}


@pytest.mark.parametrize(("text", "seeds"), [("3", [3]), ("1-4", [1, 2, 3, 4]), ("1-2,7,2-3", [1, 2, 7, 3])])
def test_seeds(text, seeds):
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4-1", "1-", "-3"])
def test_what_are_no_seeds(text):
    with pytest.raises((argparse.ArgumentTypeError, ValueError)):
        seeds_of(text)


def test_each_folder_of_recordings_is_a_market_and_files_are_one(tmp_path):
    days = [tmp_path / name for name in ("monday", "tuesday")]
    for day in days:
        day.mkdir()
        for hour in ("b.gz", "a.gz"):
            (day / hour).touch()
    assert markets_of([1], days) == {
        f"{day.name}-seed-1": ["--seed", "1", "--recording", str(day / "a.gz"), str(day / "b.gz")]
        for day in days
    }
    files = [days[0] / "b.gz", days[0] / "a.gz"]
    assert markets_of([1, 2], files) == {
        f"seed-{seed}": ["--seed", f"{seed}", "--recording", *map(str, files)] for seed in (1, 2)
    }


def test_another_strategy_or_recording_is_another_question(tmp_path):
    strategy, recording = tmp_path / "mine.py", tmp_path / "a.gz"
    strategy.write_text("1")
    recording.write_bytes(b"1")
    config = {"strategy_path": str(tmp_path)}
    markets = markets_of([1], [recording])
    names = {result_files(markets, ["--days", "1.0"], config, tmp_path)["seed-1"]}
    names.add(result_files(markets, ["--days", "2.0"], config, tmp_path)["seed-1"])
    strategy.write_text("2")
    names.add(result_files(markets, ["--days", "1.0"], config, tmp_path)["seed-1"])
    recording.write_bytes(b"12")
    names.add(result_files(markets, ["--days", "1.0"], config, tmp_path)["seed-1"])
    names.add(result_files(markets, ["--days", "1.0"], {**config, "max_open_trades": 1}, tmp_path)["seed-1"])
    assert len(names) == 5


def test_the_same_seeds_give_the_same_numbers_and_what_is_done_is_not_done_again(tmp_path, capsys):
    both, alone = tmp_path / "both", tmp_path / "alone"
    process = replay(both, "--seeds", "1-2", "--jobs", "2")
    assert main(["--report", str(alone), *SHORT, "--seeds", "2"]) == 0
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    found = results(both)
    assert len(found) == 2
    assert results(alone).items() <= found.items()
    assert "2 markets, " in said
    assert "chance of a loss" in said
    assert main(["--report", str(both), *SHORT, "--seeds", "1-2"]) == 0
    assert "2 of 2 markets are done already" in capsys.readouterr().out
    assert results(both) == found
    spread = json.loads((both / "markets.json").read_text())
    assert list(spread["each"]) == ["seed-1", "seed-2"]


def test_ctrl_c_ends_all_and_leaves_no_half_result(tmp_path):
    process = replay(tmp_path, "--days", "30", "--seeds", "1-2", "--jobs", "2")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(replays_of(process.pid)) < 2:
        time.sleep(0.2)
    started = replays_of(process.pid)
    assert len(started) == 2
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted: the same command goes on" in said
    assert results(tmp_path) == {}
    while time.monotonic() < deadline and any(map(is_alive, started)):
        time.sleep(0.2)
    assert not any(map(is_alive, started))


def replays_of(pid):
    """Processes that replay one market, below this one."""
    found = []
    for child in children_of(pid):
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found += [child] if b"--json" in words else replays_of(child)
    return found


def children_of(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_market_that_fails_says_why_and_keeps_no_result(tmp_path):
    said = []
    files = {"seed-1": tmp_path / "seed-1.json"}
    with pytest.raises(MarketsError, match="no market got to its end"):
        run_markets(
            {"seed-1": ["--seed", "1"]}, ["--config", str(tmp_path / "no.json")], files, 1, None, said.append
        )
    assert said[0].startswith("seed-1 failed: ")
    assert "no.json" in said[0]
    assert not files["seed-1"].exists()


def test_a_scheduler_without_dask_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(MarketsError, match="pip install"), workers._workers(1, "tcp://127.0.0.1:1"):
        pass
