"""Read and move an open position: what freqtrade's `Trade` knows, in the terms of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from freqtrade.constants import CUSTOM_TAG_MAX_LENGTH
from freqtrade.exchange import amount_to_contract_precision, price_to_precision
from freqtrade.persistence import Order, Trade

from freqtrade_ext.plan.explain import TAG_END
from freqtrade_ext.plan.plan import ROUNDING, Plan
from freqtrade_ext.plan.progress import Progress, progress_of

STAGES = {"tp1": 1, "tp2": 2, "tp3": 3}
"""tag of an exit order -> the target it belongs to; kept stable, since freqtrade's statistics group by it"""


def round_rate(trade: Trade, rate: float) -> float:
    """Round to the nearest tick of the trade's pair."""
    return float(price_to_precision(rate, trade.price_precision, trade.precision_mode_price))


def round_amount(trade: Trade, amount: float) -> float:
    """Round down to the lot of the trade's pair."""
    return float(
        amount_to_contract_precision(
            amount, trade.amount_precision, trade.precision_mode, trade.contract_size
        )
    )


def follow_lot(trade: Trade, lot: float | None) -> None:
    """
    Cut the trade to the lot that the exchange has now; a trade keeps that of its entry.

    freqtrade cuts a partial exit to the new lot, and refuses one that leaves a bit (2026.9 freqtradebot.py
    `check_and_call_adjust_trade_position`), so that a last target would be refused for ever.

    :param lot: amount precision of the pair, None where the exchange no longer lists it.
    """
    if lot is not None and lot != trade.amount_precision:
        trade.amount_precision = lot
        trade.recalc_trade_from_orders()


def average_entry(trade: Trade) -> float:
    """Average the entries' fills, unrounded (`trade.open_rate` is rounded to the tick)."""
    fills = [(o.safe_filled, o.safe_price) for o in trade.orders if is_fill(o, trade.entry_side)]
    if len(fills) == 1:
        return float(fills[0][1])
    return float(sum(amount * rate for amount, rate in fills) / sum(amount for amount, _ in fills))


def entered_amount(trade: Trade) -> float:
    """Sum what the entries brought after fees, in whole lots of base units: what can be sold in all."""
    entered = sum(o.safe_amount_after_fee for o in trade.orders if is_fill(o, trade.entry_side))
    return round_amount(trade, entered * (1 + ROUNDING))


def tag_of(order: Order) -> str:
    """Give the tag an order was placed with: a target, the strategy's tag of an entry, or a reason."""
    return (order.ft_order_tag or "").partition(TAG_END)[0].rstrip()


def add_to_tag(order: Order, text: str) -> None:
    """Show text behind the tag of a filled order, in the 255 characters that freqtrade's database keeps."""
    text = TAG_END + text
    order.ft_order_tag = f"{tag_of(order)[: CUSTOM_TAG_MAX_LENGTH - len(text) - 1]} {text}".lstrip()


def stage_asked(trade: Trade) -> int:
    """
    Tell the highest target for which an exit order was ever placed.

    Order tags latch a target: they are in the database with the order, so a fall of the price, a partial
    fill or a restart does not undo a target that was reached.
    """
    return max(
        (STAGES.get(tag_of(o), 0) for o in trade.orders if o.ft_order_side == trade.exit_side), default=0
    )


def stage_sold(trade: Trade) -> int:
    """Tell the highest target at which something was sold."""
    stages = (STAGES.get(tag_of(o), 0) for o in trade.orders if is_fill(o, trade.exit_side))
    return max(stages, default=0)


def exits(trade: Trade) -> list[Order]:
    """Return the exits that brought something, oldest first."""
    return [o for o in trade.orders if is_fill(o, trade.exit_side)]


def progress(trade: Trade, plan: Plan) -> Progress:
    """Return what the trade's filled exits have done to its plan."""
    sold = ((STAGES.get(tag_of(o), 0), o.safe_filled) for o in exits(trade))
    return progress_of(plan, entered_amount(trade), sold)


def left_behind(trade: Trade) -> float:
    """Return the base units of the entries that no order can sell: less than a lot, as fees leave them."""
    entered = sum(o.safe_amount_after_fee for o in trade.orders if is_fill(o, trade.entry_side))
    left = float(entered - entered_amount(trade))
    return left if left > ROUNDING * entered else 0.0


def earned(trade: Trade, orders: Sequence[Order]) -> float:
    """
    Return what exits earned after all fees: cash in and out, in stake currency.

    Coins that an entry fee made unsellable count as lost, by what they cost.
    """
    sign = -1 if trade.is_short else 1
    paid = 0.0
    for order in trade.orders:
        if is_fill(order, trade.entry_side):
            # a fee taken in coins has made those fewer instead
            fee = 0.0 if order.ft_fee_base else trade.fee_open
            paid += order.safe_filled * order.safe_price * (1 + sign * fee)
    per_unit = paid / entered_amount(trade)
    fee_close = trade.fee_close or 0.0
    return float(
        sum(sign * o.safe_filled * (o.safe_price * (1 - sign * fee_close) - per_unit) for o in orders)
    )


def has_taken_profit(trade: Trade) -> bool:
    return stage_sold(trade) > 0


def is_fill(order: Order, side: str) -> bool:
    return bool(order.ft_order_side == side and order.safe_filled > 0)


def stake_for(trade: Trade, amount: float) -> float:
    """
    Give the stake that `adjust_trade_position` returns to sell this amount.

    freqtrade turns it back by `stake * trade.amount / trade.stake_amount` and cuts to the lot
    (2026.9 freqtradebot.py `check_and_call_adjust_trade_position`), so noise must not fall below the lot.
    """
    noise = 0.0 if trade.amount_precision is None else ROUNDING / 10
    return amount * (1 + noise) * trade.stake_amount / trade.amount


def set_stop(trade: Trade, stop_rate: float) -> None:
    """
    Put the stop of a trade exactly here, up or down.

    The ratio is taken from the open rate and not from the current one, as `custom_stoploss` would return it:
    freqtrade repeats `adjust_stop_loss(open_rate, stop_loss_pct)` after each partial exit (2026.9
    persistence/trade_model.py `recalc_trade_from_orders`), which moved a stop that was set from a rate below
    the open rate, and called it trailing. It rounds towards the entry: aim a little beyond the tick.
    """
    if trade.is_short:
        base, aim = min(trade.open_rate, stop_rate), stop_rate * (1 + ROUNDING / 10)
    else:
        base, aim = max(trade.open_rate, stop_rate), stop_rate * (1 - ROUNDING / 10)
    ratio = abs(1 - aim / base) * (trade.leverage or 1.0)
    trade.adjust_stop_loss(base, ratio, allow_refresh=True)


def settle(trade: Trade, record_of: Callable[[str], Mapping[str, Any] | None]) -> bool:
    """
    Book fills that a kill kept from being booked, without committing; True if there were any.

    freqtrade commits an order before it commits what the order did to the trade (2026.9 freqtradebot.py
    `update_trade_state`), so a bot killed in between would sell the same coins again.

    :param record_of: order id -> `PaperOrder.record`, None where the engine does not know it.
    """
    before = (trade.amount, trade.is_open)
    for order in trade.orders:
        record = record_of(order.order_id)
        side = order.side
        if record is None or not is_fill(order, order.ft_order_side) or trade.fee_updated(side):
            continue
        trade.update_fee(record["fee_cost"], record["fee_currency"], record["fee_rate"], side)
        if record["fee_currency"] == trade.safe_base_currency:
            order.ft_fee_base = record["fee_cost"]
    exits = [o for o in trade.orders if is_fill(o, trade.exit_side) and not o.ft_is_open]
    held = entered_amount(trade) - sum(o.safe_filled for o in exits)
    if exits and round_amount(trade, held * (1 + ROUNDING)) <= 0:
        trade.exit_reason = tag_of(exits[-1])
        trade.close(exits[-1].safe_price)
    elif any(is_fill(o, trade.entry_side) for o in trade.orders):
        trade.recalc_trade_from_orders()
    return before != (trade.amount, trade.is_open)


def is_stopped(trade: Trade, rate: float) -> bool:
    """Return whether an exit at this rate is one at the stop, or beyond it."""
    return rate >= trade.stop_loss if trade.is_short else rate <= trade.stop_loss


def is_dust(trade: Trade, rate: float, limits: Mapping[str, Any]) -> bool:
    """
    Tell whether a position that should shrink or go is less than the exchange lets anyone sell.

    That is what exits have left of it, or what a thin book gave of an entry once the stop is reached.

    :param limits: of the market, as ccxt gives them.
    """
    if not is_stopped(trade, rate) and not any(is_fill(o, trade.exit_side) for o in trade.orders):
        return False
    least_cost, least_amount = limits["cost"]["min"] or 0.0, limits["amount"]["min"] or 0.0
    return bool(trade.amount * rate < least_cost or trade.amount < least_amount)


def write_off(trade: Trade, rate: float) -> None:
    """
    Close a trade whose rest cannot be sold; it stays in the wallet and counts as lost.

    `Trade.close` takes the last partial exit's profit for the whole trade's while an amount is left
    (2026.9 persistence/trade_model.py `recalc_trade_from_orders`), so the profit is set here.
    """
    lost = trade.amount * trade.open_rate * (1 + trade.fee_open)
    trade.close(rate)
    trade.realized_profit -= lost
    trade.close_profit_abs = trade.realized_profit
    trade.close_profit = trade.realized_profit / trade.max_stake_amount
    Trade.commit()


def order_record(order: Order) -> dict[str, Any]:
    """Say what the exchange reported of an order, in the words of the paper engine's `fill_record`."""
    direction = 1 if order.side == "buy" else -1
    return {
        "order_id": order.order_id,
        "pair": order.ft_pair,
        "side": order.side,
        "type": order.order_type,
        "status": order.status,
        "requested": order.safe_amount,
        "filled": order.safe_filled,
        "average": order.safe_price,
        "decision_rate": order.ft_price,
        "slippage_bps": 1e4 * direction * (order.safe_price / order.ft_price - 1),
    }
