"""What the callbacks of a managed strategy have in common: how freqtrade is to call them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from freqtrade.persistence.custom_data import _CustomData
from freqtrade.strategy import timeframe_to_prev_date
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

Callback = Callable[..., Any]


class News:
    """Tells what has not been said yet, so that the log does not repeat itself with every loop."""

    def __init__(self, timeframe: str) -> None:
        self.timeframe = timeframe
        self._said: dict[Any, Any] = {}

    def is_new(self, topic: Any, text: str) -> bool:
        """Tell whether this has not been said on the topic since the candle began, and note it."""
        said = (timeframe_to_prev_date(self.timeframe), text)
        if self._said.get(topic) == said:
            return False
        self._said[topic] = said
        return True


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
