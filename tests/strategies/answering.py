"""Signal classes as they come out of a backtest script; freqtrade is unknown to them."""


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


class Waiting:
    async def generate_signal(self, symbol, market_data):
        return {"action": "BUY", "confidence": 100}


class Unsure:
    """Tells its confidence as a ratio."""

    def generate_signal(self, symbol, market_data):
        return {"action": "BUY", "confidence": 0.9}


class Broken:
    def generate_signal(self, symbol, market_data):
        raise KeyError("no such thing")


class Demanding:
    def __init__(self, key):
        self.key = key

    def generate_signal(self, symbol):
        return {"action": "HOLD", "confidence": 0}
