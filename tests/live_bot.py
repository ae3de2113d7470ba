"""
A live bot in virtual time: real orders, sent to the embedded exchange's signed endpoints, recorded beside it.

The exchange hides how long an order is on its way and where in the queue it rests, and `fidelity --own` is to
find both. Each bot needs a process of its own: `python -m tests.live_bot --seed 1 --out FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import random
from contextlib import suppress
from pathlib import Path

from freqtrade.commands import Arguments
from freqtrade.commands.trade_commands import start_trading
from freqtrade.configuration.load_config import load_from_files

from freqtrade_ext.fills.queue import ESTIMATES
from freqtrade_ext.replica import Replica, server
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.run.replay import overlay_for
from freqtrade_ext.run.virtual_time import Clock, VirtualTime
from freqtrade_ext.settings import MakerFill
from freqtrade_ext.strategy.in_front import MARKET_ORDERS
from tests.bot_process import ROOT
from tests.live_market import Ladder, Recorder, hide_latency, hide_queue

LATENCIES = ((20.0, 60.0), (80.0, 160.0), (200.0, 300.0), (40.0, 400.0))
PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
BALANCE = 1_000
OWN = {
    "dry_run": False,
    "strategy": "InAndOut",
    "strategy_path": str(ROOT / "tests" / "strategies"),
    "order_types": MARKET_ORDERS | {"entry": "limit"},
    "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "unfilledtimeout": {"entry": 15, "exit": 15, "unit": "seconds"},
}


def hidden(seed: int) -> tuple[tuple[float, float], MakerFill]:
    """Return what the exchange of a seed hides: the range of an order's way in ms, and the queue's rule."""
    drawn = random.Random(seed)
    return drawn.choice(LATENCIES), drawn.choice(ESTIMATES)


def run(seed: int, minutes: float, out: Path) -> None:
    """Trade live, and leave `bot.sqlite` and a `.tape` of each pair in a folder."""
    latency_ms, rule = hidden(seed)
    clock = Clock()
    hide_queue(rule)
    hide_latency(clock, lambda: replica.exchange, latency_ms, random.Random(seed))
    server._START_BALANCES["USDT"] = BALANCE * E8
    with Replica(seed, PAIRS, "calm", clock=clock) as replica:
        recorders: list[Recorder] = []

        def begin() -> None:
            for name, running in replica.exchange.running.items():
                running.source = Ladder(running.market, f"{seed}/{name}", clock.ms)
                recorders.append(Recorder(running.market, out / f"{name}.tape", clock.ms))

        replica.call(begin)
        config = load_from_files([str(ROOT / "config.json")])
        overlays = {"overlay": overlay_for(config, replica, seed, out / "bot.log"), "own": OWN}
        files = [ROOT / "config.json", *(out / f"{name}.json" for name in overlays)]
        for file, overlay in zip(files[1:], overlays.values(), strict=True):
            file.write_text(json.dumps(overlay))
        command = ["trade", *(part for file in files for part in ("--config", str(file)))]
        arguments = Arguments([*command, "--db-url", f"sqlite:///{out}/bot.sqlite"]).get_parsed_arg()
        virtual = VirtualTime(replica, clock, clock.ms + round(minutes * 60_000))
        with virtual.running(), suppress(KeyboardInterrupt):
            start_trading(arguments)
        for recorder in recorders:
            replica.call(recorder.close)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, required=True)
    known = parser.parse_args()
    known.out.mkdir(parents=True, exist_ok=True)
    run(known.seed, known.minutes, known.out)
