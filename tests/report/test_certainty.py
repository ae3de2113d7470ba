"""How much of a result hangs on the queue."""

from datetime import UTC, datetime

import pytest

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.report.certainty import certainty_tables, sureness
from freqtrade_ext.report.rows import OrderRow, TradeRow

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def order(pessimistic, expected, optimistic, *, filled=None, is_entry=True):
    """A limit order of 10 that rested; booked is the expected estimate."""
    amounts = {"pessimistic": pessimistic, "expected": expected, "optimistic": optimistic}
    would_fill = {name: {"filled": amount, "filled_ms": 1} for name, amount in amounts.items()}
    return OrderRow(
        pair="BTC/USDT",
        side="buy",
        is_entry=is_entry,
        is_stop=False,
        tag="",
        status="closed",
        time=NOW,
        requested=10.0,
        filled=expected if filled is None else filled,
        average=100.0,
        fee_ratio=0.001,
        fee_currency="BTC",
        record=FillRecord(decision_rate=100.0, would_fill=would_fill),
    )


def trade(number, profit, *orders):
    return TradeRow(
        id=number,
        pair="BTC/USDT",
        is_short=False,
        is_open=False,
        opened=NOW,
        closed=NOW,
        open_rate=100.0,
        stop_rate=None,
        min_rate=None,
        max_rate=None,
        stake_amount=1000.0,
        currency="USDT",
        profit_abs=profit,
        profit_ratio=profit / 1000,
        exit_reason="tp1",
        plan=None,
        regime="",
        orders=orders,
    )


@pytest.mark.parametrize(
    ("amounts", "kind"),
    [
        ((10, 10, 10), "every"),
        ((0, 10, 10), "booked"),
        ((4, 10.0 - 1e-12, 10), "booked"),
        ((0, 4, 10), "missed"),
        ((0, 0, 4), "none"),
    ],
)
def test_how_sure_an_order_is(amounts, kind):
    assert sureness(order(*amounts)) == kind


def test_an_order_that_did_not_rest_is_neither_sure_nor_unsure():
    taker = order(10, 10, 10)
    assert sureness(taker.__class__(**{**_fields(taker), "record": FillRecord(decision_rate=1.0)})) is None
    assert sureness(taker.__class__(**{**_fields(taker), "record": None})) is None


def _fields(row):
    return {name: getattr(row, name) for name in row.__slots__}


def test_the_band_is_the_balance_with_and_without_the_unsure_entries():
    trades = [
        trade(1, 20.0, order(10, 10, 10), order(0, 10, 10, is_entry=False)),
        trade(2, 50.0, order(0, 10, 10)),
        trade(3, -10.0, order(2, 10, 10)),
        trade(4, 0.0, order(0, 0, 10)),
    ]
    orders, band = certainty_tables(trades, "USDT", 500.0)
    assert orders.rows == [
        ("limit entries", "4", "1", "2", "1", "0"),
        ("limit exits", "1", "0", "1", "0", "0"),
    ]
    assert "Of 4 limit entries 1 fill by every estimate of the queue, 2 as booked" in orders.note
    assert [row[1] for row in band.rows] == ["560.000", "520.000", "520.000 to 560.000"]


def test_without_resting_orders_there_is_nothing_to_tell():
    assert [table.rows for table in certainty_tables([trade(1, 5.0)], "USDT", None)] == [[], []]
