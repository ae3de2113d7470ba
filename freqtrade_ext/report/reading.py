"""Read trades from rows of freqtrade's database, whose values may be missing, broken or hostile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from freqtrade_ext.fills.account import Account, currencies
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.plan.plan import Plan, PlanError
from freqtrade_ext.report.candles import read_candles
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.tags import tag_of
from freqtrade_ext.text import number

Row = Mapping[str, Any]
"""column -> value"""


def trade_row(trade: Row, orders: Sequence[Row], custom: Row, records: Mapping[str, Any]) -> TradeRow:
    """
    Join what belongs to one trade.

    :param trade: row of freqtrade's table `trades`.
    :param orders: its rows of `orders`.
    :param custom: its custom data, decoded: key -> value.
    :param records: order id -> record of the paper engine, which takes precedence over custom data.
    """
    fills = custom.get("fills")
    listed = fills if isinstance(fills, list) else []
    known = {str(fill.get("order_id")): fill for fill in listed if isinstance(fill, Mapping)}
    known |= {
        order["order_id"]: records[order["order_id"]] for order in orders if order["order_id"] in records
    }
    own = tuple(_order_row(order, trade, known.get(str(order["order_id"]))) for order in orders)
    is_open = bool(trade["is_open"])
    opened = utc(trade["open_date"]) or datetime.fromtimestamp(0, UTC)
    last_fill = max((order.time for order in own if order.time), default=opened)
    stake = number(trade["max_stake_amount"]) or number(trade["stake_amount"]) or 0.0
    booked = number(trade["realized_profit" if is_open else "close_profit_abs"])
    if booked is None:
        booked = number(trade["realized_profit"]) or 0.0
    pair, fills = text(trade["pair"]), [order for order in own if order.cost > 0]
    cash, left = moved(pair, fills, _funding(trade, orders))
    is_whole = not is_open and {fill.is_entry for fill in fills} == {True, False}
    profit = cash - fees_elsewhere(pair, fills) if is_whole else booked
    ratio = None if is_open else number(trade["close_profit"])
    # freqtrade's ratio is of the stake with its fee
    ratio = profit * ratio / booked if ratio and booked else profit / stake if stake else 0.0
    state = custom.get("market_state")
    return TradeRow(
        id=int(trade["id"]),
        pair=pair,
        is_short=bool(trade["is_short"]),
        is_open=is_open,
        exchange=text(trade.get("exchange")),
        opened=opened,
        closed=last_fill if is_open else utc(trade["close_date"]) or last_fill,
        open_rate=number(trade["open_rate"]) or 0.0,
        # freqtrade's columns start at 0 for "none yet"
        stop_rate=number(trade["stop_loss"]) or None,
        min_rate=number(trade["min_rate"]) or None,
        max_rate=number(trade["max_rate"]) or None,
        stake_amount=stake,
        currency=text(trade["stake_currency"]),
        profit_abs=profit,
        left_amount=left,
        booked_abs=booked,
        profit_ratio=ratio,
        exit_reason=text(trade["exit_reason"]),
        plan=_plan(custom.get("plan")),
        regime=text(state.get("regime")) if isinstance(state, Mapping) else "",
        orders=own,
        candles=read_candles(custom.get("candles")),
    )


def _funding(trade: Row, orders: Sequence[Row]) -> float:
    """Return what holding futures brought, in quote units; negative where it was paid."""
    settled = sum(number(order.get("funding_fee")) or 0.0 for order in orders)
    return settled + (number(trade.get("funding_fee_running")) or 0.0 if trade["is_open"] else 0.0)


def moved(pair: str, fills: Sequence[OrderRow], funding: float = 0.0) -> tuple[float, float]:
    """
    Return what fills and their fees moved in the account: (quote units, base units), by its own arithmetic.

    :param funding: received for holding futures, in quote units; negative where paid.
    """
    account = Account({}, is_futures=":" in pair)
    for fill in fills:
        account.trade(pair, fill.side, fill.filled, fill.cost)
        for currency, units in fill.fees.items():
            account.pay(Fee(currency, units, 0.0))
    base, quote = currencies(pair)
    return account.total(quote) + funding, account.total(base)


def fees_elsewhere(pair: str, fills: Sequence[OrderRow]) -> float:
    """Return the value of fees paid in neither of the pair's currencies, e.g. in BNB; quote units."""
    base, quote = currencies(pair)
    return sum(
        fill.fee_value - fill.fees.get(quote, 0.0) - fill.fees.get(base, 0.0) * fill.average
        for fill in fills
        if not {*fill.fees} <= {base, quote} or not fill.fees
    )


def text(value: Any) -> str:
    """
    Return one line of printable characters; empty for None.

    Control characters would steer the terminal, and directional ones disguise what follows them.
    """
    return (
        ""
        if value is None
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    )


def utc(value: datetime | None) -> datetime | None:
    """freqtrade stores UTC without saying so."""
    return None if value is None else value.replace(tzinfo=UTC)


def _order_row(order: Row, trade: Row, stored: Any) -> OrderRow:
    record = _record(stored)
    kind, entry_side = order["ft_order_side"], "sell" if trade["is_short"] else "buy"
    is_entry = kind == entry_side
    filled = max(0.0, number(order["filled"]) or 0.0)
    rates = (number(order[name]) for name in ("average", "price", "stop_price", "ft_price"))
    fee_ratio = record.fee_rate if record else None
    if fee_ratio is None:
        fee_ratio = number(trade["fee_open" if is_entry else "fee_close"]) or 0.0
    currency = trade["fee_open_currency" if is_entry else "fee_close_currency"]
    currency = (record.fee_currency if record else "") or text(currency or trade["stake_currency"])
    # as freqtrade's Order.safe_price has it
    average = next((rate for rate in rates if rate), 0.0) if filled else 0.0
    return OrderRow(
        pair=text(order["ft_pair"]),
        side="buy" if is_entry != bool(trade["is_short"]) else "sell",
        is_entry=is_entry,
        is_stop=kind == "stoploss",
        tag=tag_of(text(order["ft_order_tag"])),
        status=text(order["status"]),
        time=utc(order["order_filled_date"]) or utc(order["order_date"]),
        is_paper=str(order["order_id"]).startswith("dry_run"),
        kind=text(order.get("order_type")),
        limit=number(order["price"]) or number(order["ft_price"]) or 0.0,
        placed=utc(order["order_date"]),
        updated=utc(order.get("order_update_date")),
        filled_at=utc(order["order_filled_date"]),
        requested=number(order["amount"]) or number(order["ft_amount"]) or 0.0,
        filled=filled,
        average=average,
        fee_ratio=fee_ratio,
        fee_currency=currency,
        fees=_fees(record) or _fees_by_ratio(text(order["ft_pair"]), currency, fee_ratio, filled, average),
        record=record,
    )


def _fees(record: FillRecord | None) -> dict[str, float]:
    """Return what a record knows of the fees: currency -> units."""
    if record is None:
        return {}
    known = {text(currency): number(units) for currency, units in record.fees.items()}
    if not known and record.fee_currency:
        known = {record.fee_currency: record.fee_cost}
    return {currency: units for currency, units in known.items() if units is not None}


def _fees_by_ratio(pair: str, currency: str, ratio: float, filled: float, average: float) -> dict[str, float]:
    base, quote = currencies(pair)
    units = {base: filled * ratio, quote: filled * average * ratio}
    return {currency: units[currency]} if currency in units else {}


def _record(stored: Any) -> FillRecord | None:
    """Read a stored record; its words may be hostile."""
    record = FillRecord.from_json(stored)
    if record is None:
        return None
    return replace(record, reason=text(record.reason), fee_currency=text(record.fee_currency))


def _plan(stored: Any) -> Plan | None:
    try:
        plan = Plan.from_json(stored)
    except (PlanError, OverflowError):
        return None
    stake, split, levels = map(text, plan.reasons)
    return replace(plan, reasons=(stake, split, levels))
