"""
What a long run holds: `python -m benchmarks.leaks --minutes 60`.

Three open trades on the embedded exchange, its rates moving every few seconds; each minute one of them is led
through its stop or a target, so trades end and begin; FreqUI's API is asked every few seconds, and
every ten minutes all WebSocket connections break. Each minute the bot says what it holds.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.measured_bot import MeasuredBot
from tests.bot_process import Market, running_bot, running_market

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
NUDGE_SECONDS = 3
CROSS_SECONDS = 60
BREAK_SECONDS = 600
WARM_UP = 5
"""first samples, which slopes leave out: caches fill"""
SECRET = "of-a-bot-that-lives-for-an-hour-on-loopback"


def api_server() -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secrets = dict.fromkeys(("password", "jwt_secret_key", "ws_token"), SECRET)
    address = {"listen_ip_address": "127.0.0.1", "listen_port": port, "username": "bench"}
    return {"enabled": True, "verbosity": "error", "CORS_origins": [], **address, **secrets}


def ask_api(server: dict[str, Any]) -> None:
    login = b64encode(f"{server['username']}:{SECRET}".encode()).decode()
    for path in ("status", "profit", f"pair_candles?pair={random.choice(PAIRS)}&timeframe=5m"):
        request = Request(f"http://127.0.0.1:{server['listen_port']}/api/v1/{path}")
        request.add_header("Authorization", f"Basic {login}")
        with urlopen(request, timeout=30) as answer:
            answer.read()


def lead(bot: MeasuredBot, market: Market, dice: random.Random) -> None:
    """Take one open trade's rate through its stop or one of its targets within two seconds."""
    trades = bot.open_trades()
    if not trades:
        return
    trade = dice.choice(trades)
    query = "select cd_value from trade_custom_data where ft_trade_id = ? and cd_key = 'plan'"
    plan = json.loads(bot.rows(query, trade["id"])[0]["cd_value"])
    to = dice.choice([plan["stop_rate"] * 0.998, *(rate * 1.002 for rate in plan["target_rates"])])
    market.move(trade["pair"].replace("/", ""), to, 2)


def nudge(market: Market, dice: random.Random) -> None:
    symbol = dice.choice(PAIRS).replace("/", "")
    market.move(symbol, market.last_rate(symbol) * (1 + dice.uniform(-5e-4, 5e-4)), 1)


def disturb(bot: MeasuredBot, market: Market, server: dict[str, Any], minutes: float) -> None:
    dice, begin = random.Random(1), time.monotonic()
    # what, each so many seconds, and when next
    chores = [
        [partial(nudge, market, dice), NUDGE_SECONDS, begin],
        [partial(ask_api, server), NUDGE_SECONDS, begin],
        [partial(lead, bot, market, dice), CROSS_SECONDS, begin + CROSS_SECONDS],
        [partial(market._post, "fault", disconnect=True), BREAK_SECONDS, begin + BREAK_SECONDS],
    ]
    while time.monotonic() < begin + minutes * 60:
        assert bot.process is not None
        assert bot.process.poll() is None, bot.log[-4000:]
        for chore in chores:
            what, seconds, due = chore
            if time.monotonic() < due:
                continue
            chore[2] = time.monotonic() + seconds
            try:
                what()
            except OSError as error:  # urllib's errors too
                print(f"{time.strftime('%H:%M:%S')} {what.func.__name__}: {error}", flush=True)
        time.sleep(0.5)


def slope(hours: Sequence[float], values: Sequence[float]) -> float:
    """Per hour, by least squares."""
    return statistics.linear_regression(hours, values).slope if len(hours) > 1 else float("nan")


def show(samples: Sequence[dict[str, Any]]) -> None:
    warm = samples[WARM_UP:] or samples
    hours = [sample["time"] / 3600 for sample in warm]
    print(f"{'':10} {'first':>8} {'warm':>8} {'last':>8} {'most':>8} {'slope per hour':>15}")
    for what, first in samples[0]["held"].items():
        values = [sample["held"][what] for sample in warm]
        print(
            f"{what:10} {first:8.1f} {values[0]:8.1f} {values[-1]:8.1f} {max(values):8.1f} "
            f"{slope(hours, values):+15.2f}"
        )
    spent = sum(samples[-1]["cpu"].values()) - sum(samples[0]["cpu"].values())
    print(f"CPU {spent / (samples[-1]['time'] - samples[0]['time']):.1%} of a core")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sample-seconds", type=float, default=60)
    parser.add_argument(
        "--folder", type=Path, help="for samples, logs and database; a temporary one if not given"
    )
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        market = stack.enter_context(running_market(folder, "--pairs", *PAIRS, "--scenario", "calm"))
        exchange = {"name": "binance", "pair_whitelist": PAIRS, "pair_blacklist": []}
        server = api_server()
        changes = {"exchange": exchange, "dry_run_wallet": 3000, "api_server": server}
        bot = MeasuredBot(folder / "bot", market, "Ours", sample_seconds=args.sample_seconds, **changes)
        stack.enter_context(running_bot(bot))
        bot.wait(lambda: len(bot.open_trades()) == len(PAIRS), "three trades", 120)
        disturb(bot, market, server, args.minutes)
        ended = len(bot.rows("select * from trades where not is_open"))
        warnings, errors = (bot.log.count(f"- {level} -") for level in ("WARNING", "ERROR"))
        print(f"{args.minutes:g} minutes, {ended} trades ended, {warnings} warnings, {errors} errors")
        show(bot.samples())


if __name__ == "__main__":
    main()
