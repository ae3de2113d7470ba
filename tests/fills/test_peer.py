"""The same recorded books and orders give the same taker fills as NautilusTrader's matching engine."""

import json
import os
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.tape import Recording
from tests.fills.scripted_market import Desk, ScriptedMarket

HERE = Path(__file__).resolve().parent
PEER = HERE.parents[1] / "build" / "peer"
RECORDINGS = {
    # diffs between two books, books, files
    "BTCUSDT": (30, 40, ["hftbacktest_spot_BTCUSDT_20240808/btcusdt_20240808.gz"]),
    "NEXOUSDT": (20, 40, ["nexo_spot_NEXOUSDT_20240723_24/spot_nexousdt_20240723.dat.gz"]),
    "ETHBTC": (
        40,
        40,
        [
            "deep_orderbook_ETHBTC_20201101_09h/2020-11-01T09-00-00_snapshot.json.gz",
            "deep_orderbook_ETHBTC_20201101_09h/2020-11-01T09-00-00_update.json.gz",
        ],
    ),
}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def peer():
    """NautilusTrader in a folder of its own: its pins must not meet freqtrade's."""
    stamp = PEER / "installed"
    wanted = (HERE / "requirements-peer.txt").read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        command += ["--target", str(PEER), "--requirement", str(HERE / "requirements-peer.txt")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
        if done.returncode:
            pytest.skip(f"NautilusTrader cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
        stamp.write_text(wanted)

    def fill(cases):
        done = subprocess.run(
            [sys.executable, str(HERE / "peer.py")],
            input="\n".join(json.dumps(case) for case in cases),
            env=os.environ | {"PYTHONPATH": str(PEER)},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return fill


def recorded_books(folder, files, every, count):
    book, diffs, found = LocalBook(), 0, []
    for record in Recording([folder / file for file in files]):
        if record.kind == "snapshot":
            data = record.data
            book.snapshot(data["lastUpdateId"], data["bids"], data["asks"])
        elif record.kind == "depth":
            data = record.data
            diffs += book.diff(data["U"], data["u"], data["b"], data["a"])
            if diffs and diffs % every == 0:
                found.append({side: list(book.levels(side))[:200] for side in ("buy", "sell")})
                diffs += 1
        if len(found) == count:
            break
    return found


def cases_of(books, seed):
    """Orders from a part of the best level to more than the book holds; half of them with a limit."""
    draw = random.Random(seed)
    cases = []
    for book in books:
        for side, levels in book.items():
            for _ in range(4):
                depth = min(len(levels), int(draw.paretovariate(0.35)))
                amount = round(sum(q for _, q in levels[:depth]) * draw.uniform(0.1, 1.5), 5)
                limit = draw.choice([None, levels[draw.randrange(min(2 * depth, len(levels)))][0]])
                cases.append({"side": side, "amount": max(amount, 1e-5), "limit": limit, "levels": levels})
    return cases


def ours(case):
    """The same order through the engine, as the bot's arrive: market, or limit and IOC."""
    far = [(1e-8, 1.0)], [(1e8, 1.0)]
    sides = (far[0], case["levels"]) if case["side"] == "buy" else (case["levels"], far[1])
    desk = Desk(ScriptedMarket(*sides), start={"USDT": 1e12, "BTC": 1e12})
    return desk.order(case["side"], case["amount"], case["limit"], time_in_force="IOC")


@pytest.mark.parametrize("name", RECORDINGS)
def test_taker_fills_on_recorded_books_equal_those_of_nautilustrader(name, peer, shared_data):
    every, count, files = RECORDINGS[name]
    books = recorded_books(shared_data / "book", files, every, count)
    assert len(books) == count
    cases = cases_of(books, name)
    kinds = {"several levels": 0, "stopped by limit": 0, "book end": 0}
    for case, theirs in zip(cases, peer(cases), strict=True):
        order = ours(case)
        filled = sum(Fraction(amount) for _, amount in theirs)
        assert order.levels == len(theirs)
        assert order.filled == pytest.approx(float(filled), rel=1e-9)
        kinds["several levels"] += len(theirs) > 1
        kinds["stopped by limit"] += order.reason.startswith("no more within the limit")
        kinds["book end"] += order.reason.startswith("the order book ended")
        if theirs:
            cost = sum(Fraction(rate) * Fraction(amount) for rate, amount in theirs)
            assert order.average == pytest.approx(float(cost / filled), rel=1e-9)
            assert order.worst == pytest.approx(float(theirs[-1][0]), rel=1e-9)
    assert min(kinds.values()) > 10, kinds
