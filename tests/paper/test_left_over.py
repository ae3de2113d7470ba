"""What a start makes of the trades in the bot's database, and what a fill and a deletion do to them."""

from datetime import UTC, datetime

import pytest
from freqtrade.enums import TradingMode
from freqtrade.exceptions import InvalidOrderException, TemporaryError
from freqtrade.persistence import Order, Trade, init_db
from sqlalchemy import text

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.orders import LIQUIDATION
from freqtrade_ext.paper import left_over
from freqtrade_ext.paper.wallets import _is_current
from tests.fills.scripted_market import PAIR, Desk, ScriptedMarket

DATE = datetime(2026, 11, 20, 8, tzinfo=UTC)
MS = int(DATE.timestamp() * 1000)


@pytest.fixture(autouse=True)
def _database():
    init_db("sqlite://")


@pytest.fixture
def desk():
    return Desk(
        ScriptedMarket([(100.0, 5.0)], [(101.0, 5.0)]), start={"USDT": 1000.0, "BTC": 10.0}, latency_ms=(0, 0)
    )


def order(side, amount, rate, /, *, order_id="", is_open=False, **columns):
    return Order(
        **{
            "order_id": order_id or f"dry_run_{side}_{amount}",
            "ft_pair": PAIR,
            "ft_order_side": side,
            "side": side,
            "ft_is_open": is_open,
            "ft_amount": amount,
            "ft_price": rate,
            "price": rate,
            "amount": amount,
            "average": rate,
            "filled": 0.0 if is_open else amount,
            "status": "open" if is_open else "closed",
            "order_date": DATE,
            "order_filled_date": None if is_open else DATE,
        }
        | columns
    )


def trade(*orders, **columns):
    trade = Trade(
        **{
            "pair": PAIR,
            "exchange": "binance",
            "base_currency": "BTC",
            "stake_currency": "USDT",
            "trading_mode": TradingMode.SPOT,
            "is_open": True,
            "open_date": DATE,
            "amount": 1.0,
            "open_rate": 100.0,
            "stake_amount": 100.0,
            "fee_open": 0.001,
            "fee_close": 0.002,
            "leverage": 1.0,
        }
        | columns
    )
    trade.orders.extend(orders)
    Trade.session.add(trade)
    Trade.commit()
    return trade


def test_fills_of_stock_freqtrade_are_booked_with_the_fees_it_recorded():
    trade(
        order("buy", 2.0, 100.0, side=None),
        order("sell", 0.5, 120.0),
        order("buy", 1.0, 90.0, ft_fee_base=0.01),
        order("sell", 1.0, 150.0, order_id="waits", is_open=True),
    )
    account = Account({"USDT": 1000.0})
    left_over.replay_orders(account)
    assert account.total("BTC") == pytest.approx(2.0 - 0.5 + 1.0 - 0.01)
    assert account.total("USDT") == pytest.approx(1000 - 200.2 + 60 - 0.12 - 90)


def test_stops_of_open_trades_wait_again_and_others_end(desk):
    for stop_rate in (90.0, 89.0, 88.0):
        desk.order("sell", 1.0, 80.0, stop_rate=stop_rate)
    stops = {"is_open": False, "filled": 0.0, "ft_order_side": "stoploss", "side": "sell"}
    trade(order("sell", 1.0, 80.0, order_id="order1", **stops))
    trade(order("sell", 1.0, 80.0, order_id="order2", **stops), is_open=False)
    left_over.open_again(desk.engine)
    assert [open.request.id for open in desk.engine.open_orders()] == ["order1"]
    assert [Order.order_by_id(name).ft_is_open for name in ("order1", "order2")] == [True, False]


def test_orders_of_trades_that_were_deleted_before_are_taken_back(desk):
    desk.order("buy", 1.0)
    desk.order("buy", 2.0)
    trade(order("buy", 2.0, 101.0, order_id="order2"))
    left_over.undo_deletions(desk.engine, ["order1", "order2"])
    assert desk.account.total("BTC") == pytest.approx(10 + 1.998)


@pytest.mark.parametrize("known", [1.0, 0.0])
def test_a_deleted_trade_is_taken_back_with_what_freqtrade_had_not_looked_at_yet(desk, known, caplog):
    """What an open order had got since the last look stayed in the account, where nobody could sell it."""
    desk.order("buy", 1.0)
    gone = trade(
        order("buy", 1.0, 101.0, order_id="order1", filled=known), order("sell", 1.0, 1.0, is_open=True)
    )
    left_over.undo_deletions(desk.engine)
    Trade.session.delete(gone)
    Trade.commit()
    assert desk.account.total("BTC") == 10.0
    assert "is deleted" in caplog.text


def test_a_deleted_trade_that_got_nothing_is_no_news(desk, caplog):
    left_over.undo_deletions(desk.engine)
    Trade.session.delete(trade(order("buy", 1.0, 101.0, is_open=True)))
    Trade.commit()
    assert "is deleted" not in caplog.text


def test_a_trade_is_read_anew_before_its_coins_are_missed():
    """FreqUI had deleted it, and its id was another's: that was closed as lost."""
    read = trade(order("buy", 1.0, 101.0))
    Trade.session.execute(text("update trades set amount = 7"))
    assert _is_current(read)
    assert read.amount == 7
    Trade.session.execute(text("delete from trades"))
    assert not _is_current(read)


class Settled:
    """An engine whose funding is the time asked about, in hours from the start to the end."""

    def __init__(self, fails=False):
        self.fails, self.settled = fails, []

    def settle(self, pair):
        self.settled.append(pair)
        if self.fails:
            raise TemporaryError("no rates")

    def funding(self, pair, after_ms, until_ms):
        return (until_ms - after_ms) / 3_600_000


@pytest.mark.parametrize("fails", [False, True])
def test_funding_is_settled_before_it_is_told_and_a_failing_exchange_prevents_nothing(fails, caplog):
    engine = Settled(fails)
    assert left_over.funding_known(PAIR, engine, 0, 7_200_000) == 2
    assert engine.settled == [PAIR]
    assert ("the funding due is not known yet: no rates" in caplog.text) is fails


def test_a_fill_stores_the_funding_up_to_it_and_a_stop_on_the_exchange_takes_it(desk):
    filled = desk.order("buy", 1.0)
    filled.last_fill_ms = MS + 3 * 3_600_000
    entry, stop = order("buy", 1.0, 100.0), order("sell", 1.0, 90.0, ft_order_side="stoploss", is_open=True)
    held = trade(entry, stop, trading_mode=TradingMode.FUTURES)
    left_over.bring_funding(filled, Settled())
    assert (held.funding_fees, held.funding_fee_running) == (3, 3)
    assert not stop.funding_fee, "another order was filled"
    stop.order_id = filled.request.id
    Trade.commit()
    left_over.bring_funding(filled, Settled())
    assert (stop.funding_fee, held.funding_fee_running) == (3, 0)
    entry.order_id, stop.order_id, entry.funding_fee = filled.request.id, "another", None
    left_over.bring_funding(filled, Settled())
    assert (entry.funding_fee, held.funding_fee_running) == (None, 3)


def test_without_a_fill_or_a_database_no_funding_is_asked_for(desk):
    rests = desk.order("buy", 1.0, 90.0)
    left_over.bring_funding(rests, None)
    rests.last_fill_ms = MS
    held = trade(order("buy", 1.0, 100.0), is_open=False)
    left_over.bring_funding(rests, Settled())
    assert not held.funding_fees
    session, bought = Trade.session, Order.session
    del Trade.session
    try:
        left_over.bring_funding(rests, None)
    finally:
        Trade.session, Order.session = session, bought


def test_a_liquidation_is_named_and_other_orders_keep_their_tag():
    held = trade(order("sell", 1.0, 90.0, order_id=f"{LIQUIDATION}1"), order("sell", 1.0, 95.0, order_id="2"))
    left_over.name_liquidation(held, held.orders[1])
    assert (held.exit_reason, held.orders[1].ft_order_tag) == (None, None)
    left_over.name_liquidation(held, held.orders[0])
    assert held.exit_reason == held.orders[0].ft_order_tag == "liquidation"


def test_an_open_order_of_stock_freqtrade_is_taken_over_as_it_is():
    trade(order("buy", 2.0, 100.0, order_id="limit", is_open=True, order_type="limit", filled=0.5, cost=50.0))
    stop = {"ft_order_side": "stoploss", "side": "sell", "stop_price": 90.0, "is_open": True, "cost": 178.0}
    trade(order("sell", 2.0, 89.0, order_id="stop", **stop))
    limit, stop = left_over.order_left("limit"), left_over.order_left("stop")
    r = limit.request
    assert (r.type, r.side, r.amount, r.ccxt_type) == ("limit", "buy", 2.0, "limit")
    assert (r.limit, r.stop_rate) == (100.0, None)
    assert (limit.status, limit.filled, limit.arrival_ms, limit.decision_ms) == ("open", 0.5, MS, MS)
    assert limit.average == 100.0
    assert (limit.entry_latency_ms, limit.response_latency_ms) == (0, 0)
    assert (stop.request.type, stop.request.limit, stop.request.stop_rate) == ("stop_limit", 89.0, 90.0)
    assert (stop.filled, stop.taker_cost, stop.request.ccxt_type) == (0, 0, "")


def test_an_ended_order_of_stock_freqtrade_stays_ended_and_an_unknown_one_is_an_error():
    trade(order("buy", 2.0, 100.0, order_id="done"))
    assert left_over.order_left("done").status == "closed"
    assert left_over.order_left("done").reason == "ended before the engine was installed"
    with pytest.raises(InvalidOrderException, match=r"There is no dry-run order dry_run_7\."):
        left_over.order_left("dry_run_7")
