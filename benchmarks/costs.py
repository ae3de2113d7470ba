"""
Hold a backtest with `backtest_costs` against the bot on the same market, for docs/costs.md.

    python -m benchmarks.costs [RECORDING ...] [--pair PAIR] [--hours HOURS] [--strategy NAME]

The market, recorded or generated, is listened to for HOURS, of which `freqtrade-ext costs` learns. In the
HOURS after them the real bot trades it in virtual time, and a backtest trades its candles. What a fill of the
bot has cost is its average rate against the mid at the moment of its decision.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade

from benchmarks.backtests import ROOT, run_backtest
from freqtrade_ext.fills.book import BuySell, walk
from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.rest import levels
from freqtrade_ext.replica.streams import Channels
from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.run.costs import main as learn
from freqtrade_ext.run.markets import seeds_of
from freqtrade_ext.run.virtual_time import Clock
from freqtrade_ext.tape import Recording
from tests.soak.virtual_bot import VirtualBot

FEE = 0.001
STEP_MS = 100
HOUR_MS = 3_600_000
CHANNELS = ("depth@100ms", "bookTicker", "trade")
WALLET = 20_000
FOLDERS = ("benchmarks/strategies", "strategies", "tests/strategies")
Decisions = dict[str, tuple[float, float]]
"""order id -> mid, average"""
SAME_SECONDS = 60
"""a trade of the bot opens at most so long after the candle at whose open the backtest enters"""


@dataclass
class Fill:
    """An order of the bot; quote units."""

    value: float
    paid: float
    """against the mid at its decision"""
    alone: float
    """the same on the book of its decision, had earlier own orders taken nothing"""
    within: bool
    """whether the interval of its size holds what it paid"""


@dataclass
class Both:
    """A trade that the bot and the backtest have made, in quote units."""

    value: float
    """traded by the bot"""
    paid: float
    """by the bot, against the mid at each decision"""
    traded: float
    """by the backtest"""
    charged: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recording", nargs="*", type=Path)
    parser.add_argument("--pair", default="NEXO/USDT")
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--strategy", default="Taking")
    parser.add_argument("--same", action="store_true", help="learn of the hours that are traded")
    parser.add_argument("--seeds", type=seeds_of, default=[1], metavar="1-4")
    parser.add_argument("--activity", type=float, default=1.0)
    known = parser.parse_args()
    for name, figure in compare(known).items():
        print(f"{name}: {figure:,.2f}" if isinstance(figure, float) else f"{name}: {figure}")


def compare(known: argparse.Namespace) -> dict[str, Any]:
    """Return what bot and backtest say of the same trades, over all seeds."""
    trades: list[Both] = []
    fills: list[Fill] = []
    for seed in known.seeds:
        with tempfile.TemporaryDirectory() as folder:
            of_seed = traded_and_charged(known, seed, Path(folder))
        trades += of_seed[0]
        fills += of_seed[1]
    return figures(trades, fills)


def traded_and_charged(known: argparse.Namespace, seed: int, folder: Path) -> tuple[list[Both], list[Fill]]:
    """Learn, trade, backtest."""
    clock = Clock(int(next(iter(Recording(known.recording))).local_ms)) if known.recording else None
    market = {"recording": known.recording} if known.recording else {"activity": known.activity}
    bot = VirtualBot(folder, known.strategy, [known.pair], seed, clock, **market)
    half_ms, end_ms = (bot.start_ms + round(part * known.hours * HOUR_MS) for part in (1, 2))
    tape, costs = folder / "tape", folder / "costs.json"
    if known.same:
        other = VirtualBot(folder, known.strategy, [known.pair], seed, clock and Clock(clock.ms), **market)
        other.clock.ms = half_ms
        listen(other, end_ms, tape)
    else:
        listen(bot, half_ms, tape)
    if learn([str(tape), "--out", str(costs)]):
        raise SystemExit("nothing was learned")
    strategies = strategies_of(known.strategy)
    candles = folder / "candles"
    candles.mkdir()
    with mids_at_decisions(bot) as mids:
        bot.run(
            end_ms,
            lambda bot, script: script.at(end_ms - 2000, lambda: bot.save_candles(candles)),
            from_ms=half_ms,
            strategy_path=str(strategies),
            dry_run_wallet=WALLET,
        )
    traded = [trade for trade in read_trades(f"sqlite:///{bot.database}") if not trade.is_open]
    settings: dict[str, Any] = {
        "timeframe_detail": "1m",
        "dry_run_wallet": WALLET,
        "fee": FEE,
        "freqtrade_ext": {"backtest_costs": str(costs)},
    }
    # for its markets alone
    with Replica(seed, [known.pair], clock=bot.clock, **market) as replica, redirect_stdout(StringIO()):
        settings["exchange"] = {**replica.overlay()["exchange"], "pair_whitelist": [known.pair]}
        # a backtest enters on its second candle
        times = f"{half_ms // 1000 - 300}-"
        run_backtest(folder, known.strategy, times, candles, strategies, **settings)
    matched = list(match(traded, list(LocalTrade.bt_trades), mids))
    Backtesting.cleanup()
    (learned,) = json.loads(costs.read_text())["pairs"].values()
    known_fills = [fill_of(fill, mids, learned) for trade in traded for fill in trade.fills]
    return matched, known_fills


def strategies_of(strategy: str) -> Path:
    for folder in FOLDERS:
        if any(f"class {strategy}(" in file.read_text() for file in (ROOT / folder).glob("*.py")):
            return ROOT / folder
    raise SystemExit(f"there is no strategy {strategy}")


def listen(bot: VirtualBot, until_ms: int, tape: Path) -> None:
    """Let the market go on alone, and write down what its streams say."""
    exchange, clock = bot.replica.exchange, bot.clock
    (market,) = exchange.markets
    exchange.advance(clock.ms)
    with tape.open("w") as file:

        def write(name: str, message: Any) -> None:
            file.write(f'{clock.ms * 10**6} {{"stream":"{name}","data":{json.dumps(message)}}}\n')

        channels = Channels(exchange.markets, write)
        bids, asks = levels(market.bids.levels(5000)), levels(market.asks.levels(5000))
        snapshot = json.dumps({"lastUpdateId": market.update_id, "bids": bids, "asks": asks})
        file.write(f"{clock.ms * 10**6} {snapshot}\n")
        for name in CHANNELS:
            channels.follow(f"{market.symbol.name.lower()}@{name}")
        while clock.ms < until_ms:
            clock.ms = min(clock.ms + STEP_MS, until_ms)
            exchange.advance(clock.ms)
            channels.advance(clock.ms)
        market.observers.remove(channels)


@contextmanager
def mids_at_decisions(bot: VirtualBot) -> Iterator[Decisions]:
    """Note, by order id, the mid as it is decided on, and its average rate on a book without own traces."""
    stock = PaperExchange.create_dry_run_order
    (market,) = bot.replica.exchange.markets
    mids: Decisions = {}

    def create(
        self: Any, pair: str, kind: str, side: BuySell, amount: float, *args: Any, **kwargs: Any
    ) -> Any:
        bids, asks = ([(r / E8, a / E8) for r, a in of.levels(1000)] for of in (market.bids, market.asks))
        alone = walk(asks if side == "buy" else bids, amount, side).average
        order = stock(self, pair, kind, side, amount, *args)
        mids[order["id"]] = (bids[0][0] + asks[0][0]) / 2, alone
        return order

    PaperExchange.create_dry_run_order = create
    try:
        yield mids
    finally:
        PaperExchange.create_dry_run_order = stock


def paid(fill: OrderRow, mids: Decisions) -> float:
    """Return what a fill cost beyond its fee, in quote units."""
    return fill.direction * fill.filled * (fill.average - mids[fill.record.order_id][0])


def fill_of(fill: OrderRow, mids: Decisions, learned: dict[str, Any]) -> Fill:
    mid, average = mids[fill.record.order_id]
    alone, whole = fill.direction * fill.filled * (average - mid), paid(fill, mids)
    low, high = learned["interval_bps"][
        min(learned["interval_bps"], key=lambda size: abs(float(size) - fill.cost))
    ]
    return Fill(fill.cost, whole, alone, low <= 1e4 * whole / fill.cost <= high)


def match(traded: list[TradeRow], backtested: list[LocalTrade], mids: Decisions) -> Iterator[Both]:
    for trade in traded:
        for other in backtested:
            if not 0 <= (trade.opened - other.open_date_utc).total_seconds() < SAME_SECONDS:
                continue
            entries, exits = (
                sum(
                    o.safe_filled * o.safe_price
                    for o in other.orders
                    if (o.ft_order_side == "buy") == is_entry
                )
                for is_entry in (True, False)
            )
            yield Both(
                value=sum(fill.cost for fill in trade.fills),
                paid=sum(
                    f.direction * f.filled * (f.average - mids[f.record.order_id][0]) for f in trade.fills
                ),
                traded=entries + exits,
                charged=(other.fee_open - FEE) * entries + (other.fee_close - FEE) * exits,
            )


def figures(trades: list[Both], fills: list[Fill]) -> dict[str, Any]:
    """Compare in sum, and trade by trade: with a fee that had the mean of all, which nobody knows before."""
    paid = 1e4 * sum(t.paid for t in trades) / sum(t.value for t in trades)
    charged = 1e4 * sum(t.charged for t in trades) / sum(t.traded for t in trades)
    alone = 1e4 * sum(f.alone for f in fills) / sum(f.value for f in fills)
    by_trade = [(1e4 * t.paid / t.value, 1e4 * t.charged / t.traded) for t in trades]
    return {
        "trades": len(trades),
        "paid beyond the fee, bps": paid,
        "of it for what earlier own orders took, bps": paid - alone,
        "charged, bps": charged,
        "charged to paid, percent": 100 * (charged / paid - 1),
        "charged to paid, fees of 10 bps included, percent": 100 * ((charged + 10) / (paid + 10) - 1),
        "mean miss of a trade, bps: charged": fmean(abs(a - b) for a, b in by_trade),
        "mean miss of a trade, bps: a fee of the mean paid": fmean(abs(a - paid) for a, _ in by_trade),
        "mean miss of a trade, bps: no costs": fmean(abs(a) for a, _ in by_trade),
        "fills within the interval of 90 %, percent": 100 * fmean(f.within for f in fills),
    }


if __name__ == "__main__":
    main()
