"""The object of a signal class: which of its parameters get what, and how it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import Parameter, isabstract, isawaitable, isfunction, signature
from typing import Any

from pandas import DataFrame, Series

MEANINGS = {
    "data": {"data", "df", "dataframe", "candles", "ohlc", "ohlcv", "klines", "bars", "prices", "history"},
    "symbol": {"symbol", "pair", "coin", "ticker", "asset", "instrument", "currency", "token", "stock"},
}
"""what a parameter gets -> words of which its name has one; data comes first"""
SIGNALS = ("signal", "signals", "action", "side", "direction")
"""columns of an answer of `generate_signals`"""


class SourceError(ValueError):
    """A class that cannot be asked; the message says what to change."""


class Source:
    """Asks `generate_signal` about one candle, or `generate_signals` about all at once."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """
        :param make: returns the object.
        :raises SourceError: it cannot be created, or needs arguments that are not known.
        """
        if isabstract(make):
            raise SourceError("it is abstract: name a class that has all its methods")
        try:
            self.object = make()
        except Exception as error:
            raise SourceError(
                f"it cannot be made without arguments: {error!r}. Give it defaults, or subclass "
                "SignalStrategy with signal_class = partial(...)"
            ) from error
        self.asks_once = not callable(getattr(self.object, "generate_signal", None))
        self._name = "generate_signals" if self.asks_once else "generate_signal"
        ask = getattr(self.object, self._name, None)
        if not callable(ask):
            raise SourceError("it has neither generate_signal nor generate_signals")
        self._bound = _bind(self._name, list(signature(ask).parameters.values()))
        self.takes_data = "data" in dict(self._bound).values()
        if self.asks_once and not self.takes_data:
            raise SourceError("generate_signals takes no candles: give it a parameter df")
        self._capitalised = _reads_capitals(type(self.object))

    def ask(self, symbol: str, candles: Any) -> Any:
        """
        Return the object's answer as it is.

        :param candles: market data in the form the object works on.
        """
        if self._capitalised and isinstance(candles, DataFrame):
            candles = candles.assign(**{name.capitalize(): candles[name] for name in candles})
        if not self.takes_data:
            self.object.market_data = candles
        given = {"symbol": symbol, "data": candles}
        named = {name: given[what] for name, what in self._bound if name}
        answer = getattr(self.object, self._name)(
            *(given[what] for name, what in self._bound if not name), **named
        )
        return asyncio.run(_awaited(answer)) if isawaitable(answer) else answer

    def ask_all(self, symbol: str, candles: DataFrame) -> list[Any]:
        """
        Return the object's answers to all candles, oldest first.

        :raises SourceError: it answers another number of signals, or none.
        """
        answer = self.ask(symbol, candles.copy())
        if isinstance(answer, DataFrame):
            columns = [name for name in SIGNALS if name in answer]
            if not columns:
                raise SourceError(
                    f"generate_signals answers columns {', '.join(map(str, answer))}: name one `signal`"
                )
            answer = answer[columns[0]]
        if isinstance(answer, Series) and answer.index.isin(candles.index).all():
            # some drop the candles before their averages begin
            answer = answer.reindex(candles.index).astype(object)
            answer = answer.where(answer.notna(), None)
        answers = list(answer)
        if len(answers) != len(candles):
            raise SourceError(
                f"generate_signals answers {len(answers)} signals for {len(candles)} candles: it must answer "
                "one for each, or be called generate_signal and answer for the last"
            )
        return answers


def _bind(name: str, parameters: list[Parameter]) -> list[tuple[str, str]]:
    """
    Return for each parameter its keyword, empty where it goes by position, and what it gets: symbol or data.

    Names that say nothing get what no other does, the symbol before the data; but not the symbol where the
    data has its name: that would be a time or another frame.

    :raises SourceError: naming a parameter that is left over.
    """
    named = {_meaning(p.name) for p in parameters}
    left = ["symbol", "data"]
    bound: list[tuple[str, str]] = []
    for p in parameters:
        is_wanted = p.default is Parameter.empty and p.kind != Parameter.VAR_KEYWORD
        what = _meaning(p.name)
        if what is None and is_wanted and "data" not in named:
            what = next((other for other in left if other not in named), None)
        if p.kind == Parameter.VAR_POSITIONAL:
            bound += [("", other) for other in left if other not in named]
            left = [other for other in left if other in named]
        elif what in left:
            left.remove(what)
            bound.append(("" if p.kind == Parameter.POSITIONAL_ONLY else p.name, what))
        elif is_wanted:
            raise SourceError(
                f"{name} wants {p.name} as well, but it gets a symbol and the market data alone: give "
                f"{p.name} a default"
            )
    return bound


def _meaning(name: str) -> str | None:
    """Return what a parameter of this name gets: `historical_data`, `market_data` and `df_5m` are data."""
    words = set(name.lower().split("_"))
    return next((what for what, known in MEANINGS.items() if words & known), None)


def _reads_capitals(kind: type[Any]) -> bool:
    """Return whether a class reads columns as they are called elsewhere: Open, High, Low, Close, Volume."""
    methods = [value for base in kind.__mro__ for value in vars(base).values() if isfunction(value)]
    return any("Close" in method.__code__.co_consts for method in methods)


async def _awaited(answer: Any) -> Any:
    return await answer
