"""Ask an exchange through ccxt, and raise what freqtrade handles: any other error would end the bot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
from freqtrade.exceptions import DDosProtection, OperationalException, TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.exchange.common import retrier

from freqtrade_ext.fills.book import BadBook


@contextmanager
def sensible(what: str) -> Iterator[None]:
    """
    Raise TemporaryError for an answer that makes no sense.

    :param what: was answered, for the message.
    """
    try:
        yield
    except BadBook as error:
        raise TemporaryError(f"{what} {error}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemporaryError(f"{what} cannot be read: {error!r}") from error


@retrier
def ask(exchange: Exchange, call: Callable[..., Any], *args: Any) -> Any:
    """
    Call a method of the exchange's ccxt client, again where freqtrade's own methods would.

    :raises TemporaryError: the exchange fails, or answers something else.
    :raises OperationalException: ccxt cannot ask at all.
    """
    try:
        with sensible(f"{exchange.name}'s answer to {call.__name__}"):
            return call(*args)
    except ccxt.DDoSProtection as error:
        raise DDosProtection(error) from error
    except (ccxt.OperationFailed, ccxt.ExchangeError) as error:
        raise TemporaryError(f"{call.__name__} failed: {type(error).__name__}: {error}") from error
    except ccxt.BaseError as error:
        raise OperationalException(error) from error
