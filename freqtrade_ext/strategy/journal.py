"""What people get to know of a trade: its orders in the log, its story, and its levels on the chart."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, timeframe_to_minutes

from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.plan import explain
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy import screen
from freqtrade_ext.strategy.chart import Chart
from freqtrade_ext.strategy.plans import PlanBook
from freqtrade_ext.strategy.story import kept_candles, tell_story
from freqtrade_ext.tags import tag_of

logger = logging.getLogger(__name__)

MESSENGERS = ("telegram", "discord", "webhook")
RECENT_DRAWN = 50
"""closed trades that the chart shows after a restart"""


class Journal:
    """Writes down what happens to the trades of a bot."""

    def __init__(
        self, strategy: IStrategy, paper: Engine | None, plans: PlanBook, state_timeframe: str
    ) -> None:
        """
        :param paper: knows what orders got in dry-run.
        :param state_timeframe: of the market state.
        """
        self.chart = Chart()
        self._strategy, self._paper, self._plans = strategy, paper, plans
        self._state_timeframe = state_timeframe
        self._asked_ms: dict[str, int] = {}
        """pair -> when its last order was about to be sent"""

    def draw_recent(self) -> None:
        """Draw the trades that the last bot closed."""
        closed = Trade.get_trades_query(Trade.is_open.is_(False))
        for trade in Trade.session.scalars(closed.order_by(Trade.id.desc()).limit(RECENT_DRAWN)).unique():
            self._plans.restore(trade)
            self.draw(trade)

    def ask(self, pair: str) -> None:
        """Note that an order of a pair is about to be sent: a live order's way is measured from there."""
        self._asked_ms[pair] = time.time_ns() // 1_000_000

    def note(self, trade: Trade, order: Order) -> None:
        """Keep what an order got with its trade, log and show it, and draw the trade anew."""
        is_entry = order.ft_order_side == trade.entry_side
        record = self._paper.fill_record(order.order_id) if self._paper else None
        record = record or trades.order_record(order, self._asked_ms.pop(trade.pair, None))
        trade.set_custom_data("fills", [*trade.get_custom_data("fills", []), record.to_json()])
        text = record.words(trade.safe_base_currency, trade.safe_quote_currency)
        if is_entry:
            logger.info("%s 4/5 execution: %s", trade.pair, text)
            if (plan := self._plans.known(trade)) is not None:
                self._say(f"{trade.pair} {explain.monitoring_step(plan)}")
                screen.show_entry(trade, order, plan)
        else:
            if (plan := self._plans.known(trade)) is not None:
                screen.show_exit(trade, order, plan)
            trade.set_custom_data("realized_profit", trade.realized_profit)
            logger.info("%s %s: %s", trade.pair, tag_of(order.ft_order_tag), text)
        trades.add_to_tag(order, record.summary())
        self._keep_story(trade, is_entry)
        self.draw(trade)

    def _keep_story(self, trade: Trade, is_entry: bool) -> None:
        """Keep what people read of a trade: its story, and candles that are gone by the time of a report."""
        if (plan := self._plans.known(trade)) is not None:
            tell_story(trade, plan, self._state_timeframe)
        if not is_entry:
            timeframe = self._strategy.timeframe
            candles = self._strategy.dp.get_pair_dataframe(trade.pair, timeframe)
            candle = timedelta(minutes=timeframe_to_minutes(timeframe))
            trade.set_custom_data("candles", kept_candles(candles, trade.open_date_utc, candle))

    def _say(self, text: str) -> None:
        """Log it, by way of the messengers where one takes it: freqtrade logs what it sends."""
        messengers = (self._strategy.config.get(name, {}) for name in MESSENGERS)
        if any(known.get("enabled") and known.get("allow_custom_messages") for known in messengers):
            self._strategy.dp.send_msg(text, always_send=True)
        else:
            logger.info(text)

    def draw(self, trade: Trade) -> None:
        if (plan := self._plans.known(trade)) is not None:
            self.chart.draw(trade, plan, trades.read_position(trade))
