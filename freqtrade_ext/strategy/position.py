"""Read a freqtrade `Trade` into plain values, and do to it what was decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ccxt import DECIMAL_PLACES, TICK_SIZE
from freqtrade.constants import CUSTOM_TAG_MAX_LENGTH
from freqtrade.exchange import price_to_precision
from freqtrade.persistence import Order, Trade

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.plan.position import ROUNDING, Fill, Position, round_down
from freqtrade_ext.tags import TAG_END, stage_of, tag_of

NOISE = ROUNDING / 10
"""ratio by which freqtrade's own arithmetic must not fall below a lot or a tick"""


def read_position(trade: Trade) -> Position:
    """Return what a decision on this trade's exit needs, as plain values."""
    exits = [o for o in trade.orders if o.ft_order_side == trade.exit_side]
    return Position(
        is_short=trade.is_short,
        held=trade.amount,
        fills=tuple(_fill(o, trade.entry_side) for o in trade.orders if o.safe_filled > 0),
        stage_asked=max((stage_of(tag_of(o.ft_order_tag)) for o in exits), default=0),
        stop_rate=trade.stop_loss,
        lot=lot_of(trade),
        is_busy=trade.has_open_orders,
    )


def _fill(order: Order, entry_side: str) -> Fill:
    if order.ft_order_side == entry_side:
        return Fill(True, order.safe_amount_after_fee, order.safe_price)
    return Fill(False, order.safe_filled, order.safe_price, stage_of(tag_of(order.ft_order_tag)))


def lot_of(trade: Trade) -> float:
    """Return the step of the trade's amounts in base units; 0 where the exchange has none that is fixed."""
    precision, size = trade.amount_precision, trade.contract_size or 1.0
    if precision is None:
        return 0.0
    if trade.precision_mode == TICK_SIZE:
        return float(precision * size)
    return float(10**-precision * size) if trade.precision_mode == DECIMAL_PLACES else 0.0


def round_rate(trade: Trade, rate: float) -> float:
    """Round to the nearest tick of the trade's pair."""
    return float(price_to_precision(rate, trade.price_precision, trade.precision_mode_price))


def follow_lot(trade: Trade, lot: float | None) -> None:
    """
    Cut the trade to the lot that the exchange has now, where that is another than at its entry.

    freqtrade cuts a partial exit to the new lot, and refuses one that leaves a bit (2026.9 freqtradebot.py
    `check_and_call_adjust_trade_position`), so that a last target would be refused for ever.

    :param lot: amount precision of the pair, None where the exchange no longer lists it.
    """
    if lot is not None and lot != trade.amount_precision:
        trade.amount_precision = lot
        trade.recalc_trade_from_orders()


def add_to_tag(order: Order, text: str) -> None:
    """Add text behind the tag of a filled order; freqtrade's database keeps 255 characters."""
    text = TAG_END + text
    tag = tag_of(order.ft_order_tag)[: CUSTOM_TAG_MAX_LENGTH - len(text) - 1]
    order.ft_order_tag = f"{tag} {text}".lstrip()


def exits(trade: Trade) -> list[Order]:
    """Return the exits that brought something, oldest first."""
    return [o for o in trade.orders if o.ft_order_side != trade.entry_side and o.safe_filled > 0]


def earned(trade: Trade, orders: Sequence[Order]) -> float:
    """
    Return what exits earned after all fees: cash in and out, in stake currency.

    Coins that an entry fee made unsellable count as lost, by what they cost.
    """
    sign = -1 if trade.is_short else 1
    paid = 0.0
    for order in trade.orders:
        if order.ft_order_side == trade.entry_side and order.safe_filled > 0:
            # a fee taken in coins has made those fewer instead
            fee = 0.0 if order.ft_fee_base else trade.fee_open
            paid += order.safe_filled * order.safe_price * (1 + sign * fee)
    per_unit = paid / read_position(trade).bought
    fee_close = trade.fee_close or 0.0
    return float(
        sum(sign * o.safe_filled * (o.safe_price * (1 - sign * fee_close) - per_unit) for o in orders)
    )


def stake_for(trade: Trade, amount: float) -> float:
    """
    Return the stake that makes `adjust_trade_position` sell this amount.

    freqtrade turns it back by `stake * trade.amount / trade.stake_amount` and cuts to the lot
    (2026.9 freqtradebot.py `check_and_call_adjust_trade_position`), so noise must not fall below the lot.
    """
    noise = 0.0 if trade.amount_precision is None else NOISE
    return amount * (1 + noise) * trade.stake_amount / trade.amount


def set_stop(trade: Trade, stop_rate: float) -> None:
    """
    Move the stop of a trade exactly here, up or down.

    The ratio is taken from the open rate and not from the current one, as `custom_stoploss` would return it:
    freqtrade repeats `adjust_stop_loss(open_rate, stop_loss_pct)` after each partial exit (2026.9
    persistence/trade_model.py `recalc_trade_from_orders`), which moved a stop that was set from a rate below
    the open rate, and called it trailing. It rounds towards the entry: aim a little beyond the tick.
    """
    if trade.is_short:
        base, aim = min(trade.open_rate, stop_rate), stop_rate * (1 + NOISE)
    else:
        base, aim = max(trade.open_rate, stop_rate), stop_rate * (1 - NOISE)
    ratio = abs(1 - aim / base) * (trade.leverage or 1.0)
    trade.adjust_stop_loss(base, ratio, allow_refresh=True)
    # freqtrade marks it when it rounds an entry's average to the tick, and would call the exit trailing
    trade.is_stop_loss_trailing = False


def show_initial_stop(trade: Trade, stop_rate: float) -> None:
    """Show the stop of the plan as the initial one in FreqUI, in messages and in backtests' results."""
    trade.initial_stop_loss = stop_rate
    trade.initial_stop_loss_pct = -abs(1 - stop_rate / trade.open_rate) * (trade.leverage or 1.0)


def settle(trade: Trade, record_of: Callable[[str], FillRecord | None]) -> bool:
    """
    Book fills that a kill kept from being booked, without committing; True if there were any.

    freqtrade commits an order before it commits what the order did to the trade (2026.9 freqtradebot.py
    `update_trade_state`), so a bot killed in between would sell the same coins again.

    :param record_of: order id -> what it got, None where the engine does not know it.
    """
    before = (trade.amount, trade.is_open)
    for order in trade.orders:
        record, side = record_of(order.order_id), order.side
        if record is None or not order.safe_filled or trade.fee_updated(side):
            continue
        trade.update_fee(record.fee_cost, record.fee_currency or None, record.fee_rate, side)
        if record.fee_currency == trade.safe_base_currency:
            order.ft_fee_base = record.fee_cost
    filled = [o for o in trade.orders if o.safe_filled > 0]
    exits = [o for o in filled if o.ft_order_side == trade.exit_side and not o.ft_is_open]
    lot = lot_of(trade)
    entered = sum(o.safe_amount_after_fee for o in filled if o.ft_order_side == trade.entry_side)
    held = round_down(entered * (1 + ROUNDING), lot) - sum(o.safe_filled for o in exits)
    if exits and round_down(held * (1 + ROUNDING), lot) <= 0:
        trade.exit_reason = tag_of(exits[-1].ft_order_tag)
        trade.close(exits[-1].safe_price)
    elif filled:
        trade.recalc_trade_from_orders()
    return before != (trade.amount, trade.is_open)


def forget_nameless(trade: Trade) -> bool:
    """
    End open orders that came back without an id, without committing; True if there were any.

    ccxt makes such an order of an answer that is no JSON. freqtrade asks for it for ever, and takes no stop
    meanwhile (2026.9 freqtradebot.py `execute_trade_exit`); what it did at the exchange, freqtrade finds by
    the wallet.
    """
    nameless = [order for order in trade.orders if order.ft_is_open and order.order_id == "None"]
    for order in nameless:
        order.ft_is_open, order.status, order.order_id = False, "rejected", f"without an id {order.id}"
    return bool(nameless)


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


def order_record(order: Order, decision_ms: int | None = None) -> FillRecord:
    """
    Return what the exchange reported of an order, as the paper engine's record has it.

    :param decision_ms: when it was about to be sent, by the local clock; of another order where this one was
        placed more than ten seconds from it.
    """
    if decision_ms is not None and abs(order.order_date_utc.timestamp() - decision_ms / 1000) > 10:
        decision_ms = None
    return FillRecord(
        order_id=order.order_id,
        pair=order.ft_pair,
        side=order.side or "",
        type=order.order_type or "",
        status=order.status or "",
        requested=order.safe_amount,
        filled=order.safe_filled,
        average=order.safe_price,
        decision_rate=order.ft_price,
        decision_ms=decision_ms,
    )
