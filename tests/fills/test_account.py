"""Balances by hand: spot, futures, and whatever an open order ties up."""

from decimal import Decimal

import pytest

from freqtrade_ext.fills.account import Account, currencies
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.holdings import BalanceTooLow
from tests.fills.scripted_market import Desk, ScriptedMarket, free
from tests.fills.test_engine import desk

PERP = "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("pair", "base", "quote"),
    [
        ("BTC/USDT", "BTC", "USDT"),
        ("ETH/BTC", "ETH", "BTC"),
        (PERP, "BTC", "USDT"),
        ("BTC/USD:BTC", "BTC", "USD"),
    ],
)
def test_currencies_of_a_pair(pair, base, quote):
    assert currencies(pair) == (base, quote)


def test_spot_moves_both_currencies_and_fees_whichever_they_name():
    account = Account({"USDT": 500.0, "BNB": 1.0})
    account.trade("BTC/USDT", "buy", 0.002, 200.0)
    account.pay(Fee("BTC", 0.000002, 0.2))
    account.trade("BTC/USDT", "sell", 0.001, 110.0)
    account.pay(Fee("BNB", 0.0002, 0.11))
    assert account.total("USDT") == pytest.approx(410)
    assert account.total("BTC") == pytest.approx(0.000998)
    assert account.total("BNB") == pytest.approx(0.9998)
    assert account.total("ETH") == 0


@pytest.mark.parametrize(
    ("trades", "realised", "position"),
    [
        # (side, amount, cost) each; realised profit in quote; (amount, cost) still held
        ([("buy", 2, 200)], 0, (2, 200)),
        ([("buy", 2, 200), ("buy", 1, 130)], 0, (3, 330)),
        ([("buy", 2, 200), ("sell", 2, 240)], 40, None),
        ([("buy", 2, 200), ("sell", 1, 120)], 20, (1, 100)),
        ([("buy", 3, 330), ("sell", 1, 100), ("sell", 1, 140)], 20, (1, 110)),
        ([("sell", 2, 200)], 0, (-2, -200)),
        ([("sell", 2, 200), ("buy", 2, 240)], -40, None),
        ([("sell", 2, 200), ("buy", 1, 90)], 10, (-1, -100)),
        ([("buy", 2, 200), ("sell", 5, 600)], 40, (-3, -360)),  # 2 close at 120, 3 open there
        ([("sell", 2, 200), ("buy", 3, 270)], 20, (1, 90)),
        ([("buy", 2, 200), ("sell", 5, 600), ("buy", 3, 300)], 100, None),
    ],
)
def test_futures_realise_the_closed_part_and_carry_the_rest_at_entry_cost(trades, realised, position):
    account = Account({"USDT": 1000.0}, is_futures=True)
    for side, amount, cost in trades:
        account.trade(PERP, side, float(amount), float(cost), 5.0)
    assert account.total("USDT") == pytest.approx(1000 + realised, rel=1e-12)
    assert account.total("BTC") == 0
    if position is None:
        assert (account.positions, account.margin_in("USDT")) == ({}, 0)
    else:
        assert [float(x) for x in account.positions[PERP]] == pytest.approx(position)
        assert account.margin_in("USDT") == pytest.approx(abs(position[1]) / 5)


def test_ten_tenths_are_one_and_leave_no_position():
    account = Account({"USDT": 10.0}, is_futures=True)
    for _ in range(10):
        account.trade(PERP, "buy", 0.1, 10.0)
    account.trade(PERP, "sell", 1.0, 100.0)
    assert (account.positions, account.total("USDT")) == ({}, 10)


def test_ten_tenths_bought_on_spot_are_one_to_the_last_digit():
    account = Account({"USDT": 100.0})
    for _ in range(10):
        account.trade("BTC/USDT", "buy", 0.1, 10.1)
    account.trade("BTC/USDT", "sell", 1.0, 101.0)
    assert account.moved == {"BTC": 0, "USDT": 0}


def test_it_survives_json_with_every_digit():
    account = Account({"USDT": 10.0}, is_futures=True)
    account.trade(PERP, "sell", 0.1 + 0.2, 1 / 3, 3.0)
    account.pay(Fee("USDT", 1e-17, 0.0))
    again = Account({"USDT": 10.0}, is_futures=True)
    again.restore(account.to_json())
    assert (again.moved, again.positions, again.leverage) == (
        account.moved,
        account.positions,
        account.leverage,
    )
    assert isinstance(again.moved["USDT"], Decimal)


def test_open_orders_tie_up_what_they_may_take_and_cancels_release_it():
    d = desk(asks=[(200.0, 1e6)], start={"USDT": 1000.0, "BTC": 5.0})
    buy = d.order("buy", 4, limit=100.0)
    d.market.trade("buy", 200.0, 1.0)
    stop = d.order("sell", 3, limit=94.0, stop_rate=95.0)
    assert (free(d.engine, "USDT"), free(d.engine, "BTC")) == (600, 2)
    with pytest.raises(BalanceTooLow, match=r"sell needs 2\.50000000 BTC, free are 2\.00000000"):
        d.order("sell", 2.5)
    d.engine.cancel(buy.request.id)
    d.engine.cancel(stop.request.id)
    assert (free(d.engine, "USDT"), free(d.engine, "BTC")) == (1000, 5)


def test_resting_buys_also_tie_up_the_fee_they_will_pay_in_quote():
    d = desk(start={"USDT": 100.1}, fee_asset="quote", maker_fill="optimistic")
    first = d.order("buy", 1, limit=100.0)
    with pytest.raises(BalanceTooLow):
        d.order("buy", 0.001, limit=100.0)
    d.market.trade("sell", 100.0, 1.0)
    assert d.poll(first).status == "closed"
    assert free(d.engine, "USDT") == pytest.approx(0, abs=1e-12)


def test_resting_futures_orders_tie_up_margin_and_fee():
    d = Desk(ScriptedMarket([(50.0, 9.0)], [(200.0, 9.0)]), start={"USDT": 100.0})
    d.is_futures = True
    d.restart()
    d.order("buy", 0.1, leverage=4.0)  # at 200: a margin of 5, and a fee of 0.02
    d.order("buy", 1, limit=100.0, leverage=4.0)
    assert free(d.engine, "USDT") == pytest.approx(95 - 0.02 - 25 - 0.1)
    d.order("sell", 0.1, limit=150.0, leverage=4.0, reduce_only=True)
    assert free(d.engine, "USDT") == pytest.approx(95 - 0.02 - 25 - 0.1)


def test_selling_all_bnb_pays_its_fee_from_what_is_received_and_never_from_bnb_that_is_gone():
    d = desk(bids=[(500.0, 9.0)], asks=[(501.0, 9.0)], start={"USDT": 0.0, "BNB": 1.0}, fee_asset="bnb")
    order = d.order("sell", 1, pair="BNB/USDT")
    assert order.fee_dict()["currency"] == "USDT"
    assert (free(d.engine, "BNB"), free(d.engine, "USDT")) == (0, pytest.approx(499.5))


def test_bought_bnb_pays_its_own_fee():
    d = desk(bids=[(499.0, 9.0)], asks=[(500.0, 9.0)], start={"USDT": 500.0}, fee_asset="bnb")
    order = d.order("buy", 1, pair="BNB/USDT")
    assert order.fee_dict() == {
        "currency": "BNB",
        "cost": pytest.approx(0.00075),
        "rate": pytest.approx(0.00075),
    }
    assert free(d.engine, "BNB") == pytest.approx(0.99925)


def test_a_fee_partly_in_bnb_names_the_base_part_that_leaves_the_trades_amount():
    d = desk(
        asks=[(100.0, 1.0)], start={"USDT": 500.0, "BNB": 0.0002}, fee_asset="bnb", maker_fill="optimistic"
    )
    order = d.order("buy", 2, limit=100.0)
    d.market.trade("sell", 100.0, 1.0)
    order = d.poll(order)
    assert order.fees == {"BNB": pytest.approx(0.00015), "BTC": pytest.approx(0.001)}
    assert order.fee_dict() == {
        "currency": "BTC",
        "cost": pytest.approx(0.001),
        "rate": pytest.approx((0.075 + 0.1) / 200),
    }


def test_a_bnb_rate_that_cannot_be_had_loses_no_print():
    d = desk(start={"USDT": 500.0, "BNB": 1.0}, fee_asset="bnb", maker_fill="optimistic")
    first, second = d.order("buy", 1, limit=100.0), d.order("buy", 1, limit=99.0)
    d.market.trade("sell", 99.0, 2.0)

    def fails(quote):
        raise ConnectionError

    answers, d.market.bnb_rate = d.market.bnb_rate, fails
    with pytest.raises(ConnectionError):
        d.poll(first)
    assert (first.filled, second.filled) == (0, 0)
    d.market.bnb_rate = answers
    d.poll(first)
    assert (first.status, second.status) == ("closed", "closed")


def test_an_unknown_rate_of_bnb_is_told_once_not_with_every_order(caplog):
    d = desk(asks=[(100.0, 9.0)], start={"USDT": 500.0, "BNB": 1.0}, fee_asset="bnb")
    d.market.bnb_rate = lambda quote: None
    for _ in range(3):
        assert d.order("buy", 1.0).fees == {"BTC": pytest.approx(0.001)}
    said = [record.getMessage() for record in caplog.records if "BNB" in record.getMessage()]
    assert said == ["The rate of BNB in USDT is unknown: fees are paid in the asset received"]
    d.market.bnb_rate = lambda quote: 500.0
    assert "BNB" in d.order("buy", 1.0).fees
