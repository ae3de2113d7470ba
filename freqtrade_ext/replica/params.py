"""Parameters of a request, read as Binance reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from freqtrade_ext.replica.errors import ApiError, illegal, invalid, missing
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import to_fixed
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.symbols import DELISTED

_INTEGER = re.compile("[0-9]{1,20}")
_DECIMAL = re.compile("[0-9]{1,20}([.][0-9]{1,20})?")
_MOST = 2**62


class Params:
    """Query and body of one request, with the refusals that wrong ones get."""

    def __init__(self, exchange: Exchange, values: Mapping[str, str]) -> None:
        self._exchange = exchange
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def choice(self, name: str, choices: tuple[str, ...], error: ApiError) -> str:
        value = self.text(name)
        if value not in choices:
            raise error
        return value

    def integer(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise illegal(name, "^[0-9]{1,20}$")
        # what follows counts in 64 bits
        return min(int(value), _MOST)

    def limit(self, default: int, most: int) -> int:
        """The parameter `limit`; too much is cut, as Binance does."""
        value = self.integer("limit")
        if value == 0:
            raise invalid("limit")
        return min(default if value is None else value, most)

    def fixed(self, name: str) -> int:
        """A decimal above zero, in units of 1e-8."""
        value = self.text(name)
        if not _DECIMAL.fullmatch(value):
            raise illegal(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        try:
            return to_fixed(value)
        except ValueError:
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.") from None

    def market(self) -> Market:
        return self._listed(self.text("symbol"))

    def markets(self) -> list[Market]:
        """The markets of `symbol`, of `symbols` (a JSON list), or all."""
        if "symbol" in self:
            return [self.market()]
        if "symbols" not in self:
            return [market for market in self._exchange.markets if market.symbol.status != DELISTED]
        try:
            names = json.loads(self.text("symbols"))
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise illegal("symbols", '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$')
        return [self._listed(name) for name in names]

    def _listed(self, name: str) -> Market:
        running = self._exchange.running.get(name)
        if running is None or running.market.symbol.status == DELISTED:
            raise ApiError(-1121, "Invalid symbol.")
        return running.market
