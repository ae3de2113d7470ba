"""Binance's USD-M futures: the embedded exchange itself, with the stubs' ways to direct it."""

from collections import Counter
from typing import ClassVar

from freqtrade_ext.replica import Replica
from tests.replica.talk import control


class BinanceFutures:
    EXCHANGE = "binance"
    futures = True
    quote = "USDT"
    requests: ClassVar = Counter()
    """not counted here: the replica counts its own"""

    def __init__(self, pairs, *, futures=True):
        self.pairs = pairs
        self.replica = Replica(pairs=[pair.partition(":")[0] for pair in pairs], scenario="calm")

    def __enter__(self):
        self.replica.__enter__()
        return self

    def __exit__(self, *error):
        self.replica.__exit__(*error)

    def book(self, base, bids, asks):
        control(self.replica, "book", symbol=f"{base}{self.quote}", bids=bids, asks=asks)

    def silence(self, pattern):
        control(self.replica, "fault", stream=pattern, kind="silence", seconds=600)

    def speak(self):
        control(self.replica, "fault", clear=True)

    def lose(self, pattern, count):
        control(self.replica, "fault", stream="@depth", kind="gap", count=count)

    def cut(self):
        control(self.replica, "fault", disconnect=True)

    def overlay(self):
        overlay = self.replica.overlay(is_futures=True)
        overlay["exchange"]["pair_whitelist"] = self.pairs
        return overlay | {"trading_mode": "futures", "margin_mode": "isolated"}
