"""
Time of a fill by the number of levels it takes, beside stock freqtrade's own, on identical books.

python benchmarks/walk.py
"""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable
from functools import partial

from freqtrade.exchange import Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.book import Level, walk
from freqtrade_ext.fills.taken import Ledger
from freqtrade_ext.replica import Replica

PAIR = "BTC/USDT"
LEVELS = (1, 20, 1000, 5000)


def main() -> None:
    with Replica(seed=1, pairs=[PAIR]) as replica:
        exchange = stock(replica)
        print("levels taken   freqtrade_ext us   per level us   stock us   stock's average off by")
        for count in LEVELS:
            print(measure(exchange, count))
        exchange.close()


def measure(exchange: Exchange, count: int) -> str:
    draw = random.Random(count)
    asks = [(round(100_000 + 0.01 * i, 2), draw.randint(1, 10**6) / 1e5) for i in range(count + 1)]
    amount = sum(size for _, size in asks[:-1])
    ledger = Ledger()
    ledger.take("buy", [(rate, size / 2) for rate, size in asks[: count // 2]])
    ours = seconds(partial(walk, asks, amount, "buy"))
    with_ledger = seconds(lambda: walk(ledger.untaken("buy", asks), amount / 2, "buy"))
    theirs = partial(stock_fill, exchange, asks, amount)
    off = theirs() / walk(asks, amount, "buy").average - 1
    return (
        f"{count:12d}   {ours * 1e6:8.1f} ({with_ledger * 1e6:.1f} half eaten)   {ours / count * 1e6:8.3f}   "
        f"{seconds(theirs) * 1e6:8.1f}   {off:.1e}"
    )


def stock_fill(exchange: Exchange, asks: list[Level], amount: float) -> float:
    order_book = {"bids": [], "asks": asks}
    return exchange.get_dry_market_fill_price(PAIR, "buy", amount, 100_000.0, 105_000.0, order_book)


def seconds(call: Callable[[], object]) -> float:
    """Best of several, as anything slower is the machine's doing."""
    timer = timeit.Timer(call)
    number, _ = timer.autorange()
    return min(timer.repeat(5, number)) / number


def stock(replica: Replica) -> Exchange:
    config = {
        "dry_run": True,
        "stake_currency": "USDT",
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": "spot",
        "runmode": "dry_run",
        "exchange": replica.overlay()["exchange"] | {"enable_ws": False, "pair_whitelist": [PAIR]},
    }
    return ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)


if __name__ == "__main__":
    main()
