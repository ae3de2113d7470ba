"""What trading costs beyond fees, charged to the orders of backtests and hyperopt."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.enums import OPTIMIZE_MODES
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade, Order
from freqtrade.strategy import IStrategy, timeframe_to_minutes

from freqtrade_ext.fills.costs import WINDOW_MINUTES, CostsError, PairCosts, nearest, read_costs, symbol_of
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.callbacks import given_the_trade_itself, theirs
from freqtrade_ext.tags import STOPS, stage_of, tag_of

logger = logging.getLogger(__name__)

FILE = "costs.json"


@dataclass(slots=True)
class Side:
    """Fills of one side of a trade."""

    value: float = 0.0
    """quote units"""
    cost: float = 0.0
    """quote units"""

    def add(self, value: float, bps: float) -> float:
        """Add a fill, and return the ratio that all fills of the side have cost."""
        self.value += value
        self.cost += value * bps / 1e4
        return self.cost / self.value


@dataclass(slots=True)
class Charged:
    """What a trade has been charged."""

    fee: float
    """ratio that freqtrade takes of each side"""
    entries: Side
    exits: Side


def charge_costs(strategy: IStrategy, settings: Settings) -> None:
    """
    Charge backtests and hyperopt what `backtest_costs` says.

    The callback is replaced on the object: a strategy's own `order_filled` need not call ours.

    :raises OperationalException: the file cannot be used.
    """
    if not settings.backtest_costs or strategy.dp.runmode not in OPTIMIZE_MODES:
        return
    named = settings.backtest_costs
    path = Path(strategy.config["user_data_dir"]) / FILE if named is True else Path(named)
    try:
        costs = read_costs(path)
    except CostsError as error:
        raise OperationalException(f"freqtrade_ext.backtest_costs: {error}") from error
    logger.info("market orders pay spread, depth and delay by %s: %s", path, ", ".join(sorted(costs)))
    strategy.order_filled = Charges(strategy, costs).order_filled


class Charges:
    """
    Stands in front of a strategy's `order_filled`.

    freqtrade keeps one fee for all entries of a trade and one for all exits (2026.9
    persistence/trade_model.py `recalc_trade_from_orders`), so each is the mean of its fills by value.
    """

    def __init__(self, strategy: IStrategy, costs: dict[str, PairCosts]) -> None:
        self._strategy, self._costs = strategy, costs
        self._own = strategy.order_filled
        self._charged: dict[int, Charged] = {}
        """by trade id; hyperopt begins with 1 in each epoch, and a trade anew with its first entry"""
        self._like: dict[str, PairCosts] = {}

    @given_the_trade_itself
    def order_filled(
        self, pair: str, trade: LocalTrade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        """Charge the fill, then ask the strategy."""
        self._charge(trade, order, current_time)
        theirs(self._own, None)(pair=pair, trade=trade, order=order, current_time=current_time, **kwargs)

    def _charge(self, trade: LocalTrade, order: Order, now: datetime) -> None:
        is_entry = order.ft_order_side == trade.entry_side
        if is_entry and trade.nr_of_successful_entries == 1:
            self._charged[trade.id] = Charged(trade.fee_open, Side(), Side())
        charged = self._charged[trade.id]
        size = order.safe_filled * order.safe_price
        if not is_entry:
            trade.fee_close = charged.fee + charged.exits.add(size, self._exit_bps(trade, order, size, now))
            return
        trade.fee_open = charged.fee + charged.entries.add(size, self._bps(trade, "entry", size, now))
        trade.recalc_open_trade_value()
        if not charged.exits.value:
            # freqtrade's bot counts profit by the rate that an exit would get
            trade.fee_close = charged.fee + self._bps(trade, "exit", size, now) / 1e4

    def _exit_bps(self, trade: LocalTrade, order: Order, size: float, now: datetime) -> float:
        tag = tag_of(order.ft_order_tag)
        if tag == "liquidation":
            return self._of(trade.pair, size, now, 1)
        is_target = stage_of(tag) > 0 or tag == "roi"
        kind = "stoploss" if tag in STOPS else "exit"
        return self._bps(trade, kind, size, now, (tag in STOPS) - is_target)

    def _bps(self, trade: LocalTrade, kind: str, size: float, now: datetime, follows: int = 0) -> float:
        """
        Return what an order of a kind costs.

        A limit order at the other side's best rate takes from that level alone; any other waits in the book.
        """
        if self._strategy.order_types[kind] == "market":
            return self._of(trade.pair, size, now, follows)
        name, side = ("entry", trade.entry_side) if kind == "entry" else ("exit", trade.exit_side)
        at = self._strategy.config[f"{name}_pricing"]["price_side"]
        return self._of(trade.pair, 0.0, now) if at in ("other", "ask" if side == "buy" else "bid") else 0.0

    def _of(self, pair: str, size: float, now: datetime, follows: int = 0) -> float:
        candles, _ = self._strategy.dp.get_analyzed_dataframe(pair, self._strategy.timeframe)
        minutes = timeframe_to_minutes(self._strategy.timeframe)
        known = self._like.get(pair) or self._find(pair, candles, minutes)
        recent = candles.iloc[-max(1, WINDOW_MINUTES // minutes) :]
        percent = None
        if len(recent):
            # the range of a random walk grows with the root of its time
            scale = math.sqrt(min(1.0, WINDOW_MINUTES / minutes))
            percent = 100 * scale * (recent["high"].max() / recent["low"].min() - 1)
        return known.bps(size, now.hour, percent, follows)

    def _find(self, pair: str, candles: Any, minutes: int) -> PairCosts:
        """Return the costs of a pair, or those of the most similar market, which is said once."""
        symbol = symbol_of(pair)
        if symbol not in self._costs:
            volume = (
                float((candles["volume"] * candles["close"]).mean()) * 60 / minutes if len(candles) else 0.0
            )
            symbol = nearest(self._costs, pair, volume)
            logger.warning(
                "%s: backtest_costs has none of it, it pays as %s, the nearest by volume (%s and %s an hour)",
                pair,
                symbol,
                f"{volume:,.0f}",
                f"{self._costs[symbol].quote_volume_per_hour:,.0f}",
            )
        self._like[pair] = self._costs[symbol]
        return self._like[pair]
