import math
from datetime import UTC, datetime

import pytest

from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.reading import text, trade_row
from freqtrade_ext.text import number
from tests.report.database import plan

ORDER = {
    "ft_trade_id": 1,
    "ft_order_side": "buy",
    "ft_pair": "BTC/USDT",
    "ft_amount": 2.0,
    "ft_price": 99.0,
    "ft_order_tag": None,
    "order_id": "1",
    "status": None,
    "amount": None,
    "filled": None,
    "average": None,
    "price": None,
    "stop_price": None,
    "order_date": None,
    "order_filled_date": None,
}
TRADE = {
    "id": 1,
    "pair": "BTC/USDT",
    "is_short": False,
    "is_open": True,
    "open_date": datetime(2026, 1, 1),
    "close_date": None,
    "open_rate": None,
    "stop_loss": 0.0,
    "min_rate": None,
    "max_rate": None,
    "stake_amount": None,
    "max_stake_amount": None,
    "stake_currency": None,
    "realized_profit": None,
    "close_profit": None,
    "close_profit_abs": None,
    "fee_open": None,
    "fee_close": None,
    "fee_open_currency": None,
    "fee_close_currency": None,
    "exit_reason": None,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (-0.5, -0.5), (0, 0.0), (math.nan, None), (math.inf, None), (10**400, None)]
    + [(other, None) for other in (None, "1", True, [], {})],
)
def test_number(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        ("tp1", "tp1"),
        ("größer €", "größer €"),
        ("a\x1b[2Jb\r\n\0", "a\ufffd[2Jb\ufffd\ufffd\ufffd"),
        ("\u202etxt\ud800", "\ufffdtxt\ufffd"),
        (7, "7"),
    ],
)
def test_text_is_printable(value, expected):
    assert text(value) == expected


def test_words_of_a_stored_record_cannot_steer_the_terminal():
    fills = [{"order_id": "1", "decision_rate": 100, "reason": "\x1b[2J", "fee_currency": "\u202eTDSU"}]
    found = trade_row(TRADE, [ORDER], {"fills": fills}, {}).orders[0].record
    assert (found.reason, found.fee_currency) == ("\ufffd[2J", "\ufffdTDSU")


def test_a_trade_of_which_nothing_is_known():
    trade = trade_row(TRADE, [ORDER], {}, {})
    assert (trade.profit_abs, trade.profit_ratio, trade.stop_rate, trade.currency) == (0, 0, None, "")
    assert trade.opened == trade.closed == datetime(2026, 1, 1, tzinfo=UTC)
    assert (trade.orders[0].requested, trade.orders[0].cost, trade.fills) == (2, 0, [])
    make_report([trade], None)


def test_a_closed_trade_of_which_nothing_is_known():
    trade = trade_row(TRADE | {"is_open": False, "open_date": None}, [], {}, {})
    assert (trade.profit_abs, trade.profit_ratio, trade.closed.year) == (0, 0, 1970)
    assert make_report([trade], 500).result.trades == 1


@pytest.mark.parametrize(
    ("columns", "average"),
    [
        ({"filled": 1.0, "average": 98.0, "price": 97.0}, 98.0),
        ({"filled": 1.0, "price": 97.0}, 97.0),
        ({"filled": 1.0, "stop_price": 96.0}, 96.0),
        ({"filled": 1.0}, 99.0),
        ({"filled": 0.0, "average": 98.0}, 0.0),
        ({"filled": -1.0, "average": 98.0}, 0.0),
    ],
)
def test_average_falls_back_as_freqtrades_own(columns, average):
    (order,) = trade_row(TRADE, [ORDER | columns], {}, {}).orders
    assert order.average == average


@pytest.mark.parametrize(
    ("is_short", "kind", "side", "is_entry", "is_stop"),
    [
        (False, "buy", "buy", True, False),
        (False, "sell", "sell", False, False),
        (False, "stoploss", "sell", False, True),
        (True, "sell", "sell", True, False),
        (True, "buy", "buy", False, False),
        (True, "stoploss", "buy", False, True),
    ],
)
def test_sides(is_short, kind, side, is_entry, is_stop):
    (order,) = trade_row(TRADE | {"is_short": is_short}, [ORDER | {"ft_order_side": kind}], {}, {}).orders
    assert (order.side, order.is_entry, order.is_stop) == (side, is_entry, is_stop)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "plan",
        {"entry_rate": 1},
        plan(100, 98, [101, 102, 103], [40, 30, 30]) | {"stop_rate": 10**400},
    ],
)
def test_a_broken_plan_is_none(stored):
    assert trade_row(TRADE, [], {"plan": stored}, {}).plan is None


@pytest.mark.parametrize(
    "fills", [None, {}, [1, None], [{"order_id": "2", "decision_rate": 1}], [{"order_id": "1"}]]
)
def test_broken_fills_are_left_out(fills):
    assert trade_row(TRADE, [ORDER], {"fills": fills, "market_state": [1]}, {}).orders[0].record is None


def test_the_engines_own_row_has_the_last_word():
    fills = [{"order_id": "1", "decision_rate": 100}]
    found = trade_row(
        TRADE, [ORDER], {"fills": fills}, {"1": {"decision_rate": 101}, "2": {"decision_rate": 5}}
    )
    assert found.orders[0].record.decision_rate == 101


def test_another_stake_currency_is_left_out():
    trades = [
        trade_row(TRADE | {"id": n, "stake_currency": currency}, [], {}, {})
        for n, currency in enumerate(["BTC", "USDT", "USDT"])
    ]
    report = make_report(trades, None)
    assert (report.currency, report.left_out, len(report.open)) == ("USDT", 1, 2)
