"""
Does `fidelity --own` find what an exchange hides? A live bot per seed, in virtual time, on its own market.

    python -m benchmarks.own [--seeds 20] [--minutes 15]

The exchange of a seed hides the range of an order's way and the rule by which orders rest
(`tests/live_bot.py`). Found is a way whose mean lies in the command's interval, and a rule whose error's
interval has 0 in it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from freqtrade_ext.run.own_orders import compare
from freqtrade_ext.settings import Settings
from tests.live_bot import hidden


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=15)
    known = parser.parse_args()
    print(
        "seed | hidden way, ms | found | hidden queue | points too often: pessimistic, expected, optimistic"
    )
    finds = [show(seed, measured(seed, known.minutes)) for seed in range(1, known.seeds + 1)]
    for what, found in zip(("way", "queue", "both"), zip(*finds, strict=True), strict=True):
        print(f"{what} found in {sum(found)} of {len(found)} seeds")


def measured(seed: int, minutes: float) -> dict[str, Any]:
    """Run a seed's bot in a process of its own, and return what the command finds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.live_bot", "--seed", str(seed), "--minutes", str(minutes)]
        subprocess.run([*command, "--out", folder], check=True, capture_output=True)
        return compare(f"{folder}/bot.sqlite", sorted(Path(folder).glob("*.tape")), Settings())


def show(seed: int, found: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Print a line; return whether the way, the queue and both were found."""
    (low, high), rule = hidden(seed)
    way, estimates = found["latency_ms"]["there"], found["limit"]["estimates"]
    is_way = way["interval"][0] <= (low + high) / 2 <= way["interval"][1]
    is_queue = estimates[rule]["interval"][0] <= 0 <= estimates[rule]["interval"][1]
    told = ", ".join(
        "{:+.1f} ({:+.1f} to {:+.1f})".format(row["bias"], *row["interval"]) for row in estimates.values()
    )
    edges = "{:.0f} to {:.0f}".format(*way["interval"])
    print(
        f"{seed} | {low:g} to {high:g} | {way['p5']:.0f} to {way['p95']:.0f}, mean {way['mean']:.0f} "
        f"({edges}) of {way['n']}{'' if is_way else ' MISSED'} | {rule} | {told} of {found['limit']['n']}"
        f"{'' if is_queue else ' MISSED'}",
        flush=True,
    )
    return is_way, is_queue, is_way and is_queue


if __name__ == "__main__":
    main()
