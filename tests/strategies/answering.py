"""Signal classes as they come out of a backtest script; freqtrade is unknown to them."""

import asyncio
from dataclasses import dataclass
from enum import Enum

import numpy as np
from pandas import DataFrame, Series


class Averages:
    """Works on the market data it is given."""

    def generate_signal(self, symbol, market_data):
        close = market_data["close"]
        # theirs to write into
        market_data["fast"] = close.rolling(10).mean()
        fast, slow = market_data["fast"].iloc[-1], close.mean()
        if fast > slow * 1.002:
            return {"action": "BUY", "confidence": 71}
        if fast < slow:
            return {"action": "SELL", "confidence": 5}
        return {"action": "BUY", "confidence": 70}


class Remembering:
    """Looks at what somebody has put into its attribute."""

    def __init__(self):
        self.market_data = None
        self.asked = []

    def generate_signal(self, symbol):
        self.asked.append((symbol, self.market_data["date"].iloc[-1], len(self.market_data)))
        return {"action": "HOLD", "confidence": 0}


class Online:
    """Would ask the internet."""

    def generate_signal(self, symbol):
        return {"action": "BUY", "confidence": 100}


class Unsure:
    """Tells its confidence as a ratio."""

    def generate_signal(self, symbol, market_data):
        return {"action": "BUY", "confidence": 0.7}


class Sure:
    """The same, a little more."""

    def generate_signal(self, symbol, market_data):
        return {"action": "BUY", "confidence": 0.71}


class Broken:
    def generate_signal(self, symbol, market_data):
        raise KeyError("no such thing")


class Moody:
    """Fails where the market is what no sample is."""

    def generate_signal(self, symbol, market_data):
        if market_data["close"].iloc[-1] > 1000:
            raise KeyError("no such thing")


class Demanding:
    def __init__(self, key):
        self.key = key

    def generate_signal(self, symbol):
        return {"action": "HOLD", "confidence": 0}


class Kind(Enum):
    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


@dataclass
class Told:
    signal: Kind
    strength: float


def crossing(df):
    fast, slow = df["close"].rolling(10).mean(), df["close"].rolling(50).mean()
    above = fast > slow
    return above & ~above.shift(fill_value=False), ~above & above.shift(fill_value=False)


class Dataclass:
    """Enums in a dataclass, parameters by name alone and in another order."""

    def generate_signal(self, *, candles, pair):
        buy, sell = crossing(candles)
        return Told(Kind.BUY if buy.iloc[-1] else Kind.SELL if sell.iloc[-1] else Kind.HOLD, 0.9)


class Words:
    def generate_signal(self, df):
        buy, sell = crossing(df)
        return "strong_buy" if buy.iloc[-1] else "short" if sell.iloc[-1] else None


class Pair:
    def generate_signal(self, data, symbol, threshold=3):
        buy, sell = crossing(data)
        return ("LONG", 95) if buy.iloc[-1] else ("SELL", 95) if sell.iloc[-1] else ("HOLD", 0)


class Coroutine:
    async def generate_signal(self, symbol, market_data):
        await asyncio.sleep(0)
        return Words().generate_signal(market_data)


class Capitals:
    def generate_signal(self, symbol, data):
        assert (data["Close"] == data["close"]).all()
        return Words().generate_signal(data)


class AtOnce:
    """Asked once about all candles."""

    asked = 0

    def generate_signals(self, df):
        type(self).asked += 1
        buy, sell = crossing(df)
        signals = DataFrame(index=df.index)
        signals["signal"] = buy.astype(int) - sell.astype(int)
        return signals.iloc[49:]


class AsSeries:
    def generate_signals(self, data):
        buy, sell = crossing(data)
        return Series(np.where(buy, "BUY", np.where(sell, "SELL", "HOLD")))


class WantsMore:
    def generate_signal(self, symbol, market_data, account):
        return "HOLD"


class Shorter:
    def generate_signals(self, df):
        return [0, 1]


class Chatty:
    def generate_signal(self, symbol, market_data):
        return "maybe"
