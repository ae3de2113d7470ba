"""What an execution costs, by hand."""

import pytest

from freqtrade_ext.fills.fees import Fee, fee_for
from tests.fills.scripted_market import free
from tests.fills.test_engine import desk


@pytest.mark.parametrize(
    ("side", "paid_in", "currency", "cost"),
    [
        # 2 BTC at 100 USDT, 0.1 %
        ("buy", "received", "BTC", 0.002),
        ("sell", "received", "USDT", 0.2),
        ("buy", "quote", "USDT", 0.2),
        ("sell", "quote", "USDT", 0.2),
        ("buy", "bnb", "BNB", 0.0003),  # 0.2 USDT * 75 % at 500 USDT a BNB
        ("sell", "bnb", "BNB", 0.0003),
    ],
)
def test_the_asset_that_the_exchange_takes(side, paid_in, currency, cost):
    fee = fee_for(side, 2.0, 200.0, 0.001, "BTC", "USDT", paid_in, bnb_rate=500.0, bnb_free=1.0)
    assert (fee.currency, fee.cost) == (currency, pytest.approx(cost))
    assert fee.value == pytest.approx(0.15 if currency == "BNB" else 0.2)


@pytest.mark.parametrize(
    ("bnb_rate", "bnb_free", "currency"),
    [(500.0, 0.000301, "BNB"), (500.0, 0.00029, "BTC"), (500.0, 0.0, "BTC"), (None, 1.0, "BTC")],
)
def test_bnb_pays_while_it_lasts_and_its_rate_is_known(bnb_rate, bnb_free, currency):
    fee = fee_for("buy", 2.0, 200.0, 0.001, "BTC", "USDT", "bnb", bnb_rate=bnb_rate, bnb_free=bnb_free)
    assert fee.currency == currency


def test_the_discount_is_the_one_given():
    fee = fee_for(
        "sell", 1.0, 100.0, 0.001, "BTC", "USDT", "bnb", bnb_rate=1.0, bnb_free=1.0, bnb_discount=0.0
    )
    assert fee == Fee("BNB", 0.1, 0.1)


def test_no_fee_costs_nothing():
    assert fee_for("buy", 1.0, 100.0, 0.0, "BTC", "USDT", "received") == Fee("BTC", 0.0, 0.0)


def test_a_maker_is_paid_where_the_exchange_rebates():
    assert fee_for("sell", 1.0, 100.0, -0.0001, "BTC", "USDT", "received") == Fee("USDT", -0.01, -0.01)


def test_maker_and_taker_parts_of_one_order_pay_their_own_rate():
    d = desk(asks=[(100.0, 1.0)], maker_fill="optimistic")
    d.market.maker_fee = 0.0002
    order = d.order("sell", 1, limit=60.0)  # rests: the only bid is at 50
    d.market.trade("buy", 60.0, 1.0)
    assert d.poll(order).fee_dict() == {"currency": "USDT", "cost": pytest.approx(0.012), "rate": 0.0002}
    order = d.order("buy", 4, limit=100.0)
    d.market.trade("sell", 100.0, 3.0)
    order = d.poll(order)
    assert order.fees == {"BTC": pytest.approx(1 * 0.001 + 3 * 0.0002)}
    assert order.fee_dict()["rate"] == pytest.approx((0.001 + 3 * 0.0002) / 4)


def test_what_a_150_usd_position_leaves_as_dust():
    """freqtrade-notes.md: 0.00143 BTC bought, 0.00142857 received, 0.00142 can be sold."""
    d = desk(bids=[(104_870.0, 1.0)], asks=[(104_878.48, 1.0)], start={"USDT": 500.0})
    d.market.filters = {"LOT_SIZE": {"minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"}}
    d.order("buy", 0.00143)
    assert free(d.engine, "BTC") == pytest.approx(0.00142857, abs=1e-12)
    d.order("sell", 0.00142)
    assert free(d.engine, "BTC") * 104_870 == pytest.approx(0.90, abs=0.01)
