"""What a market order costs beyond its fee, by pair, size, hour and volatility: the file `costs.json`."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from freqtrade_ext.text import number

WINDOW_MINUTES = 15
"""over which a market's range tells its volatility"""
ALL = "all"
"""name of what holds where an hour has no value of its own"""


class CostsError(ValueError):
    """A file of costs cannot be used; the message names it and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCosts:
    """
    Costs of one pair's market orders in basis points of the mid rate, which candles are taken to show.

    An order pays the half spread of its hour, times the factor of the market's range, and what it takes from
    behind the best level. The mid moves on until it arrives: `delay_bps` in the direction of its last move.
    """

    quote_volume_per_hour: float
    half_spread_bps: Mapping[str, float]
    """by hour of the day in UTC, "00" to "23", and "all" """
    range_percent: Sequence[float] = ()
    """rising edges between calm and wild: highest over lowest rate of the last 15 minutes, less 1"""
    range_factor: Sequence[float] = (1.0,)
    """on the half spread: below the first edge, between two, above the last"""
    depth_bps: Mapping[float, float] = field(default_factory=dict)
    """by the order's size in quote units: average rate against the best"""
    delay_bps: float = 0.0

    def bps(self, size: float, hour: int, range_percent: float | None = None, follows: int = 0) -> float:
        """
        Return what an order costs.

        :param size: quote units.
        :param hour: of the day, UTC.
        :param range_percent: of the market in the last 15 minutes; None where it is unknown.
        :param follows: 1 where it goes with the move that caused it, as a stop does; -1 against it, as a
            target; 0 where none did.
        """
        spread = self.half_spread_bps.get(f"{hour:02}", self.half_spread_bps[ALL])
        if range_percent is not None:
            spread *= self.range_factor[bisect_right(self.range_percent, range_percent)]
        return spread + interpolated(self.depth_bps, size) + follows * self.delay_bps


def interpolated(points: Mapping[float, float], size: float) -> float:
    """
    Return the value at a size, on straight lines between the points and from zero at size zero.

    The last line goes on: a book of even depth costs in proportion to the size taken.
    """
    known = [(0.0, 0.0), *sorted(points.items())]
    for (low, below), (high, above) in pairwise(known):
        if size <= high or high == known[-1][0]:
            return below + (above - below) * (size - low) / (high - low)
    return 0.0


def symbol_of(pair: str) -> str:
    """Return a pair as exchanges write it, without the settlement currency: BTC/USDT:USDT is BTCUSDT."""
    return re.sub("[^A-Z0-9]", "", pair.partition(":")[0].upper())


def nearest(costs: Mapping[str, PairCosts], pair: str, quote_volume_per_hour: float) -> str:
    """
    Return the symbol whose market is most like a pair's: the same quote currency, the nearest volume.

    :param costs: by symbol, not empty.
    """
    quote = symbol_of(pair.partition("/")[2])
    alike = {symbol: known for symbol, known in costs.items() if symbol.endswith(quote)} or costs
    wanted = math.log(max(quote_volume_per_hour, 1e-9))

    def distance(symbol: str) -> float:
        return abs(math.log(max(alike[symbol].quote_volume_per_hour, 1e-9)) - wanted)

    return min(alike, key=distance)


def read_costs(path: Path) -> dict[str, PairCosts]:
    """
    Return the costs of a file by symbol.

    :raises CostsError: it is not there, or a value in it makes no sense.
    """
    try:
        stored = json.loads(path.read_text())
        pairs = stored["pairs"]
        costs = {symbol_of(symbol): _pair_costs(symbol, pairs[symbol]) for symbol in pairs}
    except OSError as error:
        raise CostsError(f"{path}: {error.strerror}; `freqtrade-ext costs` makes it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CostsError(f"{path}: {error if isinstance(error, CostsError) else repr(error)}") from error
    if not costs:
        raise CostsError(f"{path} has no pairs")
    return costs


def _pair_costs(symbol: str, stored: Mapping[str, Any]) -> PairCosts:
    spread = _numbers(f"{symbol}.half_spread_bps", stored.get("half_spread_bps", {}), at_least=0.0)
    if ALL not in spread:
        raise CostsError(f"{symbol}.half_spread_bps lacks {ALL}")
    edges, factors = (
        list(
            _numbers(f"{symbol}.{name}", dict(enumerate(stored.get(name, otherwise))), at_least=0.0).values()
        )
        for name, otherwise in (("range_percent", ()), ("range_factor", (1.0,)))
    )
    if len(factors) != len(edges) + 1 or edges != sorted(edges):
        raise CostsError(f"{symbol}.range_percent must rise and have one value less than range_factor")
    depth = _numbers(f"{symbol}.depth_bps", stored.get("depth_bps", {}))
    single = {key: stored.get(key, 0.0) for key in ("quote_volume_per_hour", "delay_bps")}
    return PairCosts(
        half_spread_bps=spread,
        range_percent=edges,
        range_factor=factors,
        depth_bps={_size(symbol, size): bps for size, bps in depth.items()},
        **_numbers(symbol, single),
    )


def _numbers(name: str, stored: Mapping[Any, Any], at_least: float = -math.inf) -> dict[Any, float]:
    values = {}
    for key, value in stored.items():
        finite = number(value)
        if finite is None or finite < at_least:
            least = "" if at_least == -math.inf else f" from {at_least:g}"
            raise CostsError(f"{name}.{key} must be a number{least}, is {value!r}")
        values[key] = finite
    return values


def _size(symbol: str, text: str) -> float:
    size = float(text)
    if not 0 < size < math.inf:
        raise CostsError(f"{symbol}.depth_bps: a size must be above 0, is {text}")
    return size
