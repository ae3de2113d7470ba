"""What the callbacks of a managed strategy have in common: how freqtrade is to call them."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

NUMBER = re.compile(r"\d[\d,.]*")

Callback = Callable[..., Any]


class News:
    """
    What has not been said yet, so that the log does not repeat itself with every loop and candle.

    Numbers in a text may change without making it news. It is logged again once it has not come up for
    two candles, as where a signal went and came back.
    """

    def __init__(self, timeframe: str) -> None:
        self._quiet_seconds = 2 * timeframe_to_seconds(timeframe)
        self._said: dict[Any, tuple[str, float]] = {}

    def is_new(self, topic: Any, text: str) -> bool:
        """Return whether this has not been said on the topic of late, and note it."""
        text, now = NUMBER.sub("#", text), time.time()
        said, last = self._said.get(topic, ("", -math.inf))
        self._said[topic] = (text, now)
        return text != said or now - last > self._quiet_seconds

    def forget(self, topic: Any) -> None:
        """Count what is said next on the topic as news."""
        self._said.pop(topic, None)


def guarded(otherwise: Any) -> Callable[[Callback], Callback]:
    """
    Turn any exception of a callback into one clear error and `otherwise`, which changes nothing.

    freqtrade swallows exceptions as well, but then goes on with its own stake (2026.9
    freqtradebot.py `get_valid_enter_price_and_stake`), and logs the traceback again in every loop.
    """

    def decorate(callback: Callback) -> Callback:
        @wraps(callback)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return callback(self, *args, **kwargs)
            except Exception as error:
                if isinstance(error, SQLAlchemyError):
                    # custom data has a session of its own, which freqtrade never rolls back: a database that
                    # was locked once would leave all later trades without a plan
                    _CustomData.session.rollback()
                if self.manager.news.is_new(callback.__name__, repr(error)):
                    logger.exception("%s failed, nothing is done: %r", callback.__name__, error)
                return otherwise

        return call

    return decorate


def given_the_trade_itself(callback: Callback) -> Callback:
    """
    Keep freqtrade from copying the trade for this callback.

    It deep-copies the trade unless the function's name says that it is its own (2026.9
    strategy/strategy_wrapper.py `strategy_safe_wrapper`). Two such callbacks per candle made backtests
    3.7 times as long, and a stop can be put in place exactly only on the trade itself (`position.set_stop`).
    """
    callback.__qualname__ = f"IStrategy.{callback.__name__}"
    return callback


def theirs(callback: Callback, otherwise: Any) -> Callback:
    """
    Return a strategy's own callback as freqtrade would call it: what it raises is logged and not raised.

    :param callback: bound to the strategy; its class and name are in the message.
    :param otherwise: what stock freqtrade takes where the callback raises.
    """
    name = getattr(callback, "__qualname__", callback)
    return strategy_safe_wrapper(callback, message=f"{name}: ", default_retval=otherwise, supress_error=True)
