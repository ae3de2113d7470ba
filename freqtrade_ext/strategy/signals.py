"""Trade by the signals of a class with `generate_signal(symbol) -> {"action", "confidence"}`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from inspect import Parameter, iscoroutinefunction, signature
from numbers import Real
from typing import Any, Literal

from freqtrade.enums import TRADE_MODES
from freqtrade.exceptions import OperationalException
from pandas import DataFrame

from freqtrade_ext.strategy.managed import ManagedStrategy

logger = logging.getLogger(__name__)

Action = Literal["BUY", "SELL", "HOLD"]
ACTIONS: tuple[Action, ...] = ("BUY", "SELL", "HOLD")
CANDLES = ["date", "open", "high", "low", "close", "volume"]
PROGRESS_SECONDS = 10


class SignalError(ValueError):
    """An answer that is no signal; the message holds it."""


class SignalStrategy(ManagedStrategy):
    """
    Base class for `class Mine(SignalStrategy): signal_class = Theirs`.

    BUY with more confidence than the setting `confidence` enters, SELL closes. One object serves all pairs.
    Where its `generate_signal` takes a second argument, that is the market data; otherwise the market data is
    put into the object's attribute `market_data`.
    """

    startup_candle_count: int
    timeframe = "5m"
    signal_class: Callable[[], Any]
    symbol = "{base}"
    """what is asked about: `{base}` is BTC, `{base}{quote}` BTCUSDT, `{base}/{quote}` BTC/USDT"""
    window = 200
    """candles in the market data"""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.startup_candle_count = max(self.startup_candle_count, self.window)
        self._known: dict[tuple[str, datetime], Action] = {}

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Make the object that gives the signals.

        :raises OperationalException: it cannot be made, is async, or a backtest could not show it the past.
        """
        super().ft_bot_start(**kwargs)
        try:
            self._source = self.signal_class()
            parameters = signature(self._source.generate_signal).parameters.values()
        except Exception as error:
            raise OperationalException(
                f"{type(self).__name__}: signal_class() must give an object with generate_signal: {error!r}"
            ) from error
        kinds = [p.kind for p in parameters]
        positional = sum(k in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) for k in kinds)
        self._takes_data = positional > 1 or Parameter.VAR_POSITIONAL in kinds
        name = f"{type(self._source).__name__}.generate_signal"
        if iscoroutinefunction(self._source.generate_signal):
            raise OperationalException(f"{name} is async, it must answer at once: wrap it in asyncio.run")
        if not (self.dp.runmode in TRADE_MODES or self._takes_data or hasattr(self._source, "market_data")):
            raise OperationalException(
                f"{name}(symbol) would see the market of today in a backtest: give it a second positional "
                "parameter for the market data, or an attribute market_data"
            )

    def market_data(self, candles: DataFrame) -> Any:
        """
        Turn candles into what the signal class works on; override where that is not the candles themselves.

        :param candles: closed candles, oldest first: date, open, high, low, close, volume.
        """
        return candles

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        ask = self._latest_signals if self.manager.is_trading else self._all_signals
        dataframe["signal"] = ask(metadata["pair"], dataframe[CANDLES])
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[dataframe["signal"] == "BUY", "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[dataframe["signal"] == "SELL", "exit_long"] = 1
        return dataframe

    def _latest_signals(self, pair: str, candles: DataFrame) -> list[Action]:
        """Ask about the last candle alone; what the ones before got is remembered, for charts."""
        dates = candles["date"].tolist()
        try:
            self._known[pair, dates[-1]] = self._signal(pair, candles.iloc[-self.window :])
        except Exception as error:
            logger.exception("%s: no signal, so no trade: %r", pair, error)
        self._known = {key: action for key, action in self._known.items() if key[1] >= dates[0]}
        return [self._known.get((pair, date), "HOLD") for date in dates]

    def _all_signals(self, pair: str, candles: DataFrame) -> list[Action]:
        """Ask about every candle that ends a whole window; nothing later than the candle is shown."""
        signals: list[Action] = ["HOLD"] * min(self.window - 1, len(candles))
        failures = 0
        said = time.monotonic()
        for end in range(self.window, len(candles) + 1):
            try:
                signals.append(self._signal(pair, candles.iloc[end - self.window : end]))
            except Exception as error:
                signals.append("HOLD")
                failures += 1
                if failures == 1:
                    logger.exception("%s: no signal, so no trade: %r", pair, error)
            if time.monotonic() - said >= PROGRESS_SECONDS:
                said = time.monotonic()
                logger.info("%s: signals of %s of %s candles", pair, end, len(candles))
        if failures > 1:
            logger.error("%s: no signal on %s of %s candles, the first error is above", pair, failures, end)
        return signals

    def _signal(self, pair: str, candles: DataFrame) -> Action:
        base, _, quote = pair.partition(":")[0].partition("/")
        symbol = self.symbol.format(base=base, quote=quote)
        # theirs may write into it
        data = self.market_data(candles.reset_index(drop=True))
        if self._takes_data:
            answer = self._source.generate_signal(symbol, data)
        else:
            self._source.market_data = data
            answer = self._source.generate_signal(symbol)
        action, confidence = read_signal(answer)
        if action == "BUY" and confidence <= self.manager.settings.confidence:
            if self.manager.news.is_new(("confidence", pair), "too low"):
                least = self.manager.settings.confidence
                logger.info("%s: no entry on BUY with confidence %g, not above %g", pair, confidence, least)
            return "HOLD"
        return action


def read_signal(answer: Any) -> tuple[Action, float]:
    """
    Check the answer of a signal class.

    :return: action and confidence in percent.
    :raises SignalError: it is not `{"action": "BUY"|"SELL"|"HOLD", "confidence": 0-100}`.
    """
    if isinstance(answer, Mapping):
        asked: Any = answer.get("action")
        confidence: Any = answer.get("confidence")
        is_number = isinstance(confidence, Real) and not isinstance(confidence, bool)
        for action in ACTIONS:
            # compared before they are turned into anything: there are numbers that no float holds
            if isinstance(asked, str) and asked == action and is_number and 0 <= confidence <= 100:
                return action, float(confidence)
    raise SignalError(
        f'generate_signal must answer {{"action": "BUY"|"SELL"|"HOLD", "confidence": 0-100}}, is {answer!r}'
    )
