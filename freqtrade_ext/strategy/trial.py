"""Ask a signal class once before the bot starts, so that what cannot be served is refused then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from pandas import DataFrame, date_range

from freqtrade_ext.strategy.answers import Action, SignalError, read_signal
from freqtrade_ext.strategy.source import Source, SourceError

logger = logging.getLogger(__name__)

CANDLES = ["date", "open", "high", "low", "close", "volume"]
SAMPLES = 20
"""candles that it is asked about"""
MANY = 1000
"""candles that are enough for any average"""
WIDER = f"subclass SignalStrategy with window = {MANY}, or the number that it needs"

Signal = tuple[Action, float | None]
MarketData = Callable[[DataFrame], Any]


def try_on_samples(make: Callable[[], Any], window: int, market_data: MarketData) -> list[Signal]:
    """
    Return what an object answers on invented candles; nothing where it needs what cannot be reached now.

    :param make: returns the object.
    :param window: candles that it gets.
    :param market_data: turns them into what it works on.
    :raises SourceError: it fails on them; the message says what to change.
    """
    try:
        signals = _signals(make, window, market_data)
    except OSError as error:
        logger.warning("The signal class could not be tried: %r", error)
        return []
    except SourceError:
        raise
    except Exception as error:
        advice = (
            ""
            if isinstance(error, SignalError)
            else (". Where it works on other data, subclass SignalStrategy and make that in market_data")
        )
        if _actions_on_many(make, market_data):
            advice = f". It works on {MANY}: {WIDER}"
        raise SourceError(
            f"it fails on {window} sample candles ({', '.join(CANDLES)}): {type(error).__name__}: "
            f"{error}{advice}"
        ) from error
    if all(action == "HOLD" for action, _ in signals) and _actions_on_many(make, market_data) > {"HOLD"}:
        logger.warning("On %s candles it answers HOLD alone, on %s more: %s", window, MANY, WIDER)
    return signals


def try_now(make: Callable[[], Any]) -> None:
    """
    Ask an object that is given no candles about BTC.

    :raises SourceError: it wants something else, or what it answers is no signal.
    """
    try:
        read_signal(Source(make).ask("BTC", None))
    except (SignalError, TypeError, AttributeError) as error:
        raise SourceError(
            f"asked about BTC it fails: {type(error).__name__}: {error}. "
            "Where it works on candles, call its parameter df"
        ) from error
    except Exception as error:
        logger.warning("The signal class could not be tried: %r", error)


def _actions_on_many(make: Callable[[], Any], market_data: MarketData) -> set[Action]:
    """Return HOLD and what it answers on very many candles; nothing where it fails on these too."""
    try:
        return {"HOLD", *(action for action, _ in _signals(make, MANY, market_data))}
    except Exception:
        return set()


def _signals(make: Callable[[], Any], window: int, market_data: MarketData) -> list[Signal]:
    source, candles = Source(make), sample_candles(window + SAMPLES)
    if source.asks_once:
        answers = source.ask_all("BTC", candles)
    else:
        windows = (candles.iloc[end - window : end] for end in range(window, len(candles)))
        answers = [source.ask("BTC", market_data(w.reset_index(drop=True))) for w in windows]
    return [read_signal(answer) for answer in answers]


def sample_candles(count: int) -> DataFrame:
    """Return candles of a market that never was, to try a class on: date, open, high, low, close, volume."""
    rates = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.002, count + 1)))
    opened, closed = rates[:-1], rates[1:]
    return DataFrame(
        {
            "date": date_range("2024-01-01", periods=count, freq="5min", tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, closed) * 1.001,
            "low": np.minimum(opened, closed) * 0.999,
            "close": closed,
            "volume": 10.0 + np.arange(count) % 7,
        }
    )
