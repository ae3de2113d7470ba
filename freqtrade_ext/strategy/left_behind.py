"""
Coins that fees leave below a lot: sold along with the next trade of the pair, on paper and with real money.

A fee in the coin bought leaves an amount that is no whole number of lots. freqtrade sells whole lots, and the
rest of each trade stays in the account: $2 of an XRP position of $100.
"""

from __future__ import annotations

import logging

from freqtrade.enums import TradingMode
from freqtrade.persistence import Order, Trade
from freqtrade.wallets import Wallets
from sqlalchemy import case, func, select

from freqtrade_ext.plan.position import round_down
from freqtrade_ext.strategy.position import lot_of
from freqtrade_ext.text import digits

logger = logging.getLogger(__name__)


def left_behind(trade: Trade) -> float:
    """Sum what the closed trades of the pair bought, after fees, and did not sell; base units."""
    base = trade.safe_base_currency
    # an unknown fee counts as taken from the coins, so that what is left is never overestimated
    fee_open = case((func.coalesce(Trade.fee_open_currency, base) == base, Trade.fee_open), else_=0.0)
    fee_close = case((Trade.fee_close_currency == base, Trade.fee_close), else_=0.0)
    is_entry = Order.ft_order_side == trade.entry_side
    moved = Order.filled * case((is_entry, 1 - fee_open), else_=-1 - fee_close)
    same = (Trade.pair == trade.pair, Trade.exchange == trade.exchange, Trade.is_open.is_(False))
    closed = select(func.sum(moved)).join(Trade, Order.ft_trade_id == Trade.id).where(*same)
    return Trade.session.scalar(closed) or 0.0


def sell_along(trade: Trade, entry: Order, wallets: Wallets) -> None:
    """
    Add to a trade, whose first entry has just filled, what earlier ones left, where that makes another lot.

    Nothing is added at any later fill.

    Only what this database knows to be left is added, and no more than is free: never a person's own coins,
    which stock freqtrade takes the fee from (2026.9 freqtradebot.py `apply_fee_conditional`).

    :param wallets: freqtrade's, of the paper or of the real account.
    """
    currency = trade.safe_base_currency
    if trade.trading_mode == TradingMode.FUTURES or trade.fee_open_currency is None:
        return
    if entry.ft_order_side != trade.entry_side or sum(order.safe_filled > 0 for order in trade.orders) != 1:
        return
    fee = entry.ft_fee_base
    if fee is None:  # paid in another asset, or freqtrade took it from coins that it does not know
        fee = entry.safe_filled * trade.fee_open if trade.fee_open_currency == currency else 0.0
    own, added = entry.safe_filled - fee, 0.0
    if _is_a_lot(trade, own, left := left_behind(trade)):
        wallets.update()
        left = min(left, wallets.get_free(currency) - own)
        added = left if _is_a_lot(trade, own, left) else 0.0
    entry.ft_fee_base = fee - added
    trade.recalc_trade_from_orders()
    if added:
        logger.info("%s: %s %s that earlier trades left are sold along", trade.pair, digits(added), currency)


def _is_a_lot(trade: Trade, own: float, added: float) -> bool:
    lot = lot_of(trade)
    return round_down(own + added, lot) > round_down(own, lot)
