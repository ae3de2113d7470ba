"""Trade by the signals of a class with `generate_signal(symbol)` or `generate_signals(df)`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from freqtrade.enums import TRADE_MODES
from freqtrade.exceptions import OperationalException
from pandas import DataFrame

from freqtrade_ext.strategy.answers import Action, read_signal
from freqtrade_ext.strategy.managed import ManagedStrategy
from freqtrade_ext.strategy.source import Source, SourceError
from freqtrade_ext.strategy.trial import CANDLES, try_now, try_on_samples

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10


class SignalStrategy(ManagedStrategy):
    """
    Base class for `class Mine(SignalStrategy): signal_class = Theirs`.

    BUY with more confidence than the setting `confidence` enters, SELL closes. One object serves all pairs.
    Parameters of its method are known by their names (`source.MEANINGS`); where it takes no market data, that
    is put into the object's attribute `market_data`. What it may answer is in `answers.read_signal`.
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
        self._most_confident = 0.0

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Create the object that gives the signals, and test another one on invented candles.

        :raises OperationalException: it cannot be asked, or a backtest could not show it the past; the
            message says what to change.
        """
        super().ft_bot_start(**kwargs)
        try:
            self._source = Source(self.signal_class)
            if self._source.takes_data or hasattr(self._source.object, "market_data"):
                signals = try_on_samples(self.signal_class, self.window, self.market_data)
                self._note_confidence([confidence for _, confidence in signals if confidence is not None])
            elif self.dp.runmode not in TRADE_MODES:
                raise SourceError(
                    "it would see the market of today in a backtest: give its method a parameter "
                    "market_data, or the object an attribute of that name"
                )
            else:
                try_now(self.signal_class)
        except SourceError as error:
            raise OperationalException(f"{type(self).__name__} gives no signals: {error}") from error

    def market_data(self, candles: DataFrame) -> Any:
        """
        Turn candles into what the signal class works on; override where that is not the candles themselves.

        :param candles: closed candles, oldest first: date, open, high, low, close, volume.
        """
        return candles

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        pair, candles = metadata["pair"], dataframe[CANDLES]
        if self._source.asks_once:
            ask = self._signals_at_once
        else:
            ask = self._latest_signals if self.manager.is_trading else self._all_signals
        dataframe["signal"] = ask(pair, candles)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[dataframe["signal"] == "BUY", "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[dataframe["signal"] == "SELL", "exit_long"] = 1
        return dataframe

    def _signals_at_once(self, pair: str, candles: DataFrame) -> list[Action]:
        try:
            answers = self._source.ask_all(self._symbol(pair), candles.reset_index(drop=True))
            return self._sure_enough(pair, [read_signal(answer) for answer in answers])
        except Exception as error:
            if self.manager.news.is_new(("signal", pair), repr(error)):
                logger.exception("%s: no signals, so no trades: %r", pair, error)
            return ["HOLD"] * len(candles)

    def _latest_signals(self, pair: str, candles: DataFrame) -> list[Action]:
        """Ask about the last candle alone; what the ones before got is remembered, for charts."""
        dates = candles["date"].tolist()
        try:
            answer = self._answer(pair, candles.iloc[-self.window :])
            (self._known[pair, dates[-1]],) = self._sure_enough(pair, [answer])
        except Exception as error:
            if self.manager.news.is_new(("signal", pair), repr(error)):
                logger.exception("%s: no signal, so no trade: %r", pair, error)
        self._known = {key: action for key, action in self._known.items() if key[1] >= dates[0]}
        return [self._known.get((pair, date), "HOLD") for date in dates]

    def _all_signals(self, pair: str, candles: DataFrame) -> list[Action]:
        """Ask about every candle that ends a whole window; nothing later than the candle is shown."""
        answers: list[tuple[Action, float | None]] = [("HOLD", None)] * min(self.window - 1, len(candles))
        failures = 0
        said = time.monotonic()
        for end in range(self.window, len(candles) + 1):
            try:
                answers.append(self._answer(pair, candles.iloc[end - self.window : end]))
            except Exception as error:
                answers.append(("HOLD", None))
                failures += 1
                if failures == 1:
                    logger.exception("%s: no signal, so no trade: %r", pair, error)
            if time.monotonic() - said >= PROGRESS_SECONDS:
                said = time.monotonic()
                logger.info("%s: signals of %s of %s candles", pair, end, len(candles))
        if failures > 1:
            logger.error("%s: no signal on %s of %s candles, the first error is above", pair, failures, end)
        return self._sure_enough(pair, answers)

    def _answer(self, pair: str, candles: DataFrame) -> tuple[Action, float | None]:
        # theirs may write into it
        data = self.market_data(candles.reset_index(drop=True))
        return read_signal(self._source.ask(self._symbol(pair), data))

    def _symbol(self, pair: str) -> str:
        base, _, quote = pair.partition(":")[0].partition("/")
        return self.symbol.format(base=base, quote=quote)

    def _sure_enough(self, pair: str, answers: list[tuple[Action, float | None]]) -> list[Action]:
        """Turn a BUY into HOLD where its confidence is not above the setting; one without any is sure."""
        self._note_confidence([confidence for _, confidence in answers if confidence is not None])
        least = self.manager.settings.confidence
        # a setting below 1 is a ratio as well
        unit = 100.0 if self._most_confident <= 1 <= least else 1.0
        actions: list[Action] = []
        for action, confidence in answers:
            is_weak = action == "BUY" and confidence is not None and confidence * unit <= least
            if is_weak and self.manager.news.is_new(("confidence", pair), "too low"):
                logger.info(
                    "%s: no entry on BUY with confidence %g, not above %g", pair, confidence, least / unit
                )
            actions.append("HOLD" if is_weak else action)
        return actions

    def _note_confidence(self, given: list[float]) -> None:
        """Log once how confidences are read: from 0 to 1 until one is above 1, then from 0 to 100."""
        most = max(given, default=0.0)
        if most > self._most_confident and (self._most_confident == 0 or self._most_confident <= 1 < most):
            logger.info(
                "%s answers confidences up to %g: they are read as from 0 to %s",
                type(self).__name__,
                most,
                1 if most <= 1 else 100,
            )
        self._most_confident = max(self._most_confident, most)
