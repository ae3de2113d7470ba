"""
`python -m tests.soak.crash`: kill -9 a bot at any step of its trades' lives, start it again, check its books.

The market depends on nothing but its seed, so the next process meets it again where the last one left it.
"""

import argparse
import functools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Trade
from freqtrade.worker import Worker

from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.paper.store import DatabaseStore
from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.run.virtual_time import START
from freqtrade_ext.strategy.planned import Planned
from tests.soak.audit import Books, audit
from tests.soak.virtual_bot import VirtualBot

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
"""on this seed the first reaches its three targets and the last falls through its stop within five minutes"""
SEED = 1
MINUTES = 7
STEPS: tuple[tuple[type, str], ...] = (
    (Planned, "custom_stake_amount"),
    (Planned, "confirm_trade_entry"),
    (Planned, "order_filled"),
    (Planned, "adjust_trade_position"),
    (Venue, "book"),
    (Venue, "prints"),
    (Engine, "submit"),
    (Engine, "poll"),
    (Engine, "cancel"),
    (DatabaseStore, "save"),
    (FreqtradeBot, "execute_entry"),
    (FreqtradeBot, "execute_trade_exit"),
    (FreqtradeBot, "update_trade_state"),
    (FreqtradeBot, "handle_order_fee"),
    (Trade, "commit"),
    (Worker, "_process_running"),
)
"""before and after each of these a kill is tried"""
RESTING = {
    "order_types": {"entry": "limit", "exit": "limit", "stoploss": "market", "stoploss_on_exchange": False},
    "entry_pricing": {"price_side": "same"},
    "exit_pricing": {"price_side": "same"},
    "freqtrade_ext": {"maker_fill": "optimistic"},
}
"""orders that wait in the book and are filled in parts"""


class Killer:
    """Counts the steps, and kills this process at one of them."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        self._path, self._kill_at = folder / "steps", kill_at
        self.steps: list[str] = []
        self.bot: VirtualBot

    def watch(self) -> None:
        for home, name in STEPS:
            original = vars(home)[name]
            inner = original.__func__ if isinstance(original, staticmethod) else original

            @functools.wraps(inner)
            def stepping(
                *args: Any, _inner: Any = inner, _label: str = f"{home.__name__}.{name}", **kwargs: Any
            ):
                self._step(f"before {_label}")
                answer = _inner(*args, **kwargs)
                self._step(f"after {_label}")
                return answer

            setattr(home, name, staticmethod(stepping) if isinstance(original, staticmethod) else stepping)

    def _step(self, label: str) -> None:
        if len(self.steps) == self._kill_at:
            self._path.write_text(json.dumps([label, self.bot.clock.ms]))
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps.append(label)

    def done(self) -> None:
        self._path.write_text(json.dumps(self.steps))


def live(folder: Path, kill_at: int | None, from_ms: int, is_resting: bool) -> None:
    """One life of the bot, in a process of its own."""
    killer = Killer(folder, kill_at)
    killer.bot = bot = VirtualBot(folder, "AlwaysEnter", PAIRS, SEED, scenario="live", activity=0.2)
    killer.watch()
    changes = RESTING if is_resting else {}
    bot.run(bot.start_ms + MINUTES * 60_000, from_ms=from_ms, **changes)
    killer.done()


def in_process(*args: Any) -> int:
    """:return: exit code, minus the signal's number where one ended it."""
    process = multiprocessing.get_context("fork").Process(target=live, args=args)
    process.start()
    process.join(240)
    if process.is_alive():
        process.kill()
        process.join()
        return 1
    return process.exitcode or 0


def count_steps(is_resting: bool) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        if in_process(Path(folder), None, 0, is_resting):
            raise RuntimeError("the bot does not even live without being killed")
        return json.loads((Path(folder) / "steps").read_text())


def crash(kill_at: int, is_resting: bool, folder: Path) -> tuple[str, list[str]]:
    """Kill at a step, start again, let it trade on; return the step and what was wrong afterwards."""
    if in_process(folder, kill_at, 0, is_resting) != -signal.SIGKILL:
        return "?", [f"step {kill_at} was never reached"]
    label, killed_ms = json.loads((folder / "steps").read_text())
    before = Books(folder / "bot.sqlite") if (folder / "bot.sqlite").exists() else None
    if in_process(folder, None, killed_ms + 5000, is_resting):
        return label, ["it does not come up again"]
    end = START + timedelta(minutes=MINUTES)
    problems = audit(folder / "bot.sqlite", f"{end:%Y-%m-%d %H:%M:%S}")
    if before is not None:
        problems += forgotten(before, Books(folder / "bot.sqlite"))
    problems += [
        line for line in (folder / "bot.log").read_text().splitlines() if line.startswith("Traceback")
    ]
    return label, problems


def forgotten(before: Books, after: Books) -> list[str]:
    """Name what the database held at the kill and no longer holds, or holds otherwise."""
    problems = []
    orders = {order["order_id"]: order for order in after.orders}
    for order in before.orders:
        now = orders.get(order["order_id"])
        if now is None or (now["filled"] or 0) < (order["filled"] or 0):
            problems.append(
                f"order {order['order_id']} was {order['filled']} filled, is {now and now['filled']}"
            )
    trades = {trade["id"]: trade for trade in after.trades}
    for trade in before.trades:
        plan = before.custom[trade["id"]].get("plan")
        if plan is None:
            continue
        if after.custom[trade["id"]].get("plan") != plan:
            problems.append(f"the plan of trade {trade['id']} is another one")
        if trades[trade["id"]]["stop_loss"] != trade["stop_loss"]:
            problems.append(f"the stop of trade {trade['id']} is another one")
    problems += [f"the ledger of {pair} is gone" for pair in before.ledgers if pair not in after.ledgers]
    return problems


def crashes(count: int, seed: int) -> tuple[Counter[str], dict[str, list[str]]]:
    """Kill this often, half of it with orders that rest, each kind of step about as often."""
    rng = random.Random(seed)
    tried: Counter[str] = Counter()
    wrong: dict[str, list[str]] = {}
    for is_resting in (False, True):
        steps = count_steps(is_resting)
        labels = sorted(set(steps))
        rng.shuffle(labels)
        for number in range(count // 2):
            label = labels[number % len(labels)]
            kill_at = rng.choice([index for index, step in enumerate(steps) if step == label])
            with tempfile.TemporaryDirectory() as folder:
                label, problems = crash(kill_at, is_resting, Path(folder))
            tried[label] += 1
            name = f"{'resting' if is_resting else 'market'} {kill_at} {label}"
            print(name, problems or "ok", flush=True)
            if problems:
                wrong[name] = problems
    return tried, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.crash", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the choice of steps")
    known = parser.parse_args()
    tried, wrong = crashes(known.count, known.seed)
    print(json.dumps({"kills": tried.total(), "by step": tried, "wrong": wrong}, indent=1))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
