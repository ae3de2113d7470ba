"""The table of fill-model.md, row by row, and what surrounds it."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.arrivals import OrderRejected
from freqtrade_ext.fills.book import BadBook, Book
from freqtrade_ext.fills.holdings import BalanceTooLow, worst_rate
from freqtrade_ext.fills.orders import OrderRequest
from freqtrade_ext.fills.queue import Print
from tests.fills.scripted_market import PAIR, Desk, ScriptedMarket, free

FAR = [(50.0, 1e6)]


def desk(bids=None, asks=None, **more) -> Desk:
    return Desk(ScriptedMarket(bids or FAR, asks or [(1000.0, 1e6)]), **more)


def test_limit_buy_takes_what_is_within_the_limit_and_rests_at_it():
    d = desk(asks=[(100.0, 1.0), (110.0, 50.0)])
    order = d.order("buy", 10, limit=102.0)
    assert (order.filled, order.average, order.status) == (1, 100, "open")
    assert (order.remaining, order.stage) == (9, "resting")


def test_limit_buy_above_the_ask_gets_the_better_rate_and_pays_taker_fee():
    d = desk(asks=[(100.0, 1000.0)])
    order = d.order("buy", 10, limit=100.5)
    assert (order.status, order.average) == ("closed", 100)
    assert order.taker_amount == 10
    assert order.fee_dict() == {"currency": "BTC", "cost": 0.01, "rate": 0.001}


def test_limit_buy_never_takes_more_than_is_displayed_at_the_limit():
    d = desk(asks=[(100.0, 1.0), (105.0, 5000.0)])
    order = d.order("buy", 1000, limit=100.0)
    assert (order.filled, order.remaining) == (1, 999)


def test_market_buy_expires_where_the_book_ends():
    d = desk(asks=[(100.0, 2.0)])
    order = d.order("buy", 10)
    assert (order.filled, order.status) == (2, "expired")
    assert order.reason == "the order book ended after 1 levels"


def test_market_buy_average_is_never_clamped():
    d = desk(asks=[(100.0, 1.0), (200.0, 100.0)])
    order = d.order("buy", 10)
    assert (order.average, order.worst, order.levels) == (190, 200, 2)


@given(lots=st.integers(1, 10**7), ticks=st.integers(1, 10**8))
def test_a_fill_of_one_level_has_its_rate_exactly(lots, ticks):
    """113269.95 was 113269.94999999998, which is a tick below."""
    amount, rate = float(f"{lots}e-5"), float(f"{ticks}e-2")
    taker = desk(bids=[(0.001, 1.0)], asks=[(rate, amount)]).order("buy", amount)
    resting = desk(bids=[(0.001, 1.0)], asks=[(rate * 2, 1.0)], maker_fill="optimistic")
    maker = resting.order("buy", amount, limit=rate)
    resting.market.trade("sell", rate, amount / 3)
    resting.market.trade("sell", rate, amount)
    assert (taker.average, resting.poll(maker).average) == (rate, rate)


def test_a_closed_market_takes_no_order_and_keeps_those_that_rest():
    d = desk(asks=[(100.0, 5.0)], maker_fill="optimistic")
    resting = d.order("buy", 2, limit=99.0)
    d.market.is_closed = True
    for limit in (None, 98.0, 100.0):
        with pytest.raises(OrderRejected, match="Market is closed"):
            d.order("buy", 1, limit=limit)
    assert d.poll(resting).status == "open"
    d.market.is_closed = False
    d.market.trade("sell", 99.0, 5.0)
    assert d.poll(resting).status == "closed"
    assert d.order("buy", 1).filled == 1


def test_no_quote_fills_a_resting_order_while_the_market_is_closed():
    """A quote that stood through our rate filled it in a halt, as if somebody could trade."""
    d = desk(bids=[(99.0, 5.0)], asks=[(101.0, 5.0)])
    resting = d.order("sell", 2, limit=100.0)
    d.market.is_closed = True
    d.market.bids, d.market.asks = [(100.5, 5.0)], [(101.0, 5.0)]
    for _ in range(3):
        d.market.time_ms += 1_000
        assert d.poll(resting).filled == 0
    d.market.is_closed = False
    d.poll(resting)
    d.market.time_ms += 1_000
    assert (d.poll(resting).status, resting.average) == ("closed", 100.0)


def test_the_same_liquidity_never_fills_twice():
    d = desk(asks=[(100.0, 5.0), (101.0, 5.0)])
    assert d.order("buy", 5).average == 100
    assert d.order("buy", 5).average == 101


def test_stop_market_fills_from_the_gapped_book_and_pays_taker_fee():
    d = desk(bids=[(100.0, 100.0)])
    d.market.trade("sell", 100.0, 1.0)
    stop = d.order("sell", 10, stop_rate=95.0)
    d.market.bids = [(90.0, 6.0), (89.0, 100.0)]
    d.market.trade("sell", 90.0, 1.0)
    stop = d.poll(stop)
    assert (stop.status, stop.average) == ("closed", pytest.approx((6 * 90 + 4 * 89) / 10))
    assert (stop.maker_amount, stop.fees) == (0, {"USDT": pytest.approx(stop.cost * 0.001)})


def test_stop_limit_triggers_but_rests_where_the_book_gapped_below_its_limit():
    d = desk(bids=[(100.0, 100.0)])
    d.market.trade("sell", 100.0, 1.0)
    stop = d.order("sell", 10, limit=94.05, stop_rate=95.0)
    d.market.bids = [(90.0, 100.0)]
    d.market.asks = [(95.1, 100.0)]
    d.market.trade("sell", 90.0, 1.0)
    stop = d.poll(stop)
    assert (stop.status, stop.stage, stop.filled) == ("open", "resting", 0)


@pytest.mark.parametrize(
    ("side", "stop_rate", "limit", "trigger", "average"),
    [
        ("sell", 95.0, None, 94.9, 94.9),
        ("sell", 95.0, 94.0, 94.9, 94.9),
        # it waited at its limit, which the rate came back to
        ("sell", 95.0, 94.0, 90.0, 94.0),
        ("buy", 105.0, None, 105.1, 105.1),
        ("buy", 105.0, 106.0, 110.0, 106.0),
    ],
)
def test_a_stop_gains_nothing_where_the_rate_has_come_back_before_the_bot_looked(
    side, stop_rate, limit, trigger, average
):
    d = desk(bids=[(99.9, 100.0)], asks=[(100.1, 100.0)])
    d.market.trade("sell", 100.0, 1.0)
    stop = d.order(side, 10, limit=limit, stop_rate=stop_rate)
    d.market.trade(side, trigger, 1.0)
    back = 120.0 if side == "sell" else 80.0
    d.market.trade("buy", back, 1.0)
    d.market.bids, d.market.asks = [(back - 1, 100.0)], [(back + 1, 100.0)]
    d.restart()
    stop = d.poll(stop)
    assert (stop.status, stop.average, stop.worst) == ("closed", pytest.approx(average), average)


def test_stop_triggers_on_the_last_trade_and_not_on_the_ask():
    d = desk(bids=[(100.0, 100.0)])
    d.market.trade("sell", 100.0, 1.0)
    stop = d.order("sell", 1, stop_rate=95.0)
    d.market.bids, d.market.asks = [(90.0, 100.0)], [(95.1, 100.0)]
    assert d.poll(stop).stage == "waiting"
    d.market.trade("sell", 90.0, 1.0)
    assert d.poll(stop).status == "closed"


def test_cancel_keeps_what_was_filled():
    d = desk(bids=[(100.0, 3.0)], asks=[(101.0, 100.0)])
    order = d.order("buy", 10, limit=100.0)
    d.market.trade("sell", 99.5, 4.0)
    order = d.engine.cancel(order.request.id)
    assert (order.status, order.filled, order.to_ccxt()["filled"]) == ("canceled", 4, 4)


def test_what_fills_while_the_cancel_is_on_its_way_counts():
    d = desk(asks=[(101.0, 100.0)])
    order = d.order("buy", 10, limit=100.0)
    d.market.during_sleep = lambda: d.market.trade("sell", 99.0, 10.0)
    assert d.engine.cancel(order.request.id).status == "closed"


def test_the_book_at_arrival_counts_and_not_the_one_at_the_decision():
    d = desk(asks=[(100.0, 100.0)])
    d.market.during_sleep = lambda: setattr(d.market, "asks", [(103.0, 100.0)])
    order = d.order("buy", 1)
    assert order.average == 103
    assert order.record().slippage_bps == pytest.approx(300)
    assert 50 <= order.arrival_ms - order.decision_ms <= 200
    assert order.book_ms >= order.arrival_ms


def test_the_book_is_fetched_deeper_only_while_the_order_needs_it():
    asks = [(100.0 + i, 1.0) for i in range(150)]
    d = desk(asks=asks)
    d.order("buy", 5)
    assert d.market.asked_depths == [20]
    d.market.asked_depths.clear()
    assert d.order("buy", 120).levels == 120
    assert d.market.asked_depths == [20, 100, 1000]


def test_levels_beyond_the_deepest_book_are_unknown_not_invented():
    d = desk(asks=[(100.0, 1.0)] * 20)
    d.market.depths = (20,)
    order = d.order("buy", 25)
    assert (order.filled, order.status, order.reason) == (
        20,
        "expired",
        "unknown beyond the 20 levels fetched",
    )


def test_ioc_expires_its_rest_and_fok_is_all_or_nothing():
    d = desk(asks=[(100.0, 4.0), (110.0, 9.0)])
    fok = d.order("buy", 10, limit=100.0, time_in_force="FOK")
    assert (fok.status, fok.filled) == ("expired", 0)
    ioc = d.order("buy", 10, limit=100.0, time_in_force="IOC")
    assert (ioc.status, ioc.filled) == ("expired", 4)


def test_post_only_is_rejected_if_it_crosses_and_rests_otherwise():
    d = desk(asks=[(100.0, 4.0)])
    with pytest.raises(OrderRejected, match=r"limit 100.0 would take from 100.0"):
        d.order("buy", 1, limit=100.0, time_in_force="PO")
    assert d.order("buy", 1, limit=99.0, time_in_force="PO").stage == "resting"


def test_stop_beyond_the_last_trade_is_rejected_as_the_exchange_does():
    d = desk(bids=[(100.0, 1.0)])
    d.market.trade("sell", 94.0, 1.0)
    with pytest.raises(OrderRejected, match=r"Stop 95.0 would trigger immediately: last rate 94.0"):
        d.order("sell", 1, stop_rate=95.0)


def test_prints_between_two_polls_fill_a_resting_order_in_parts():
    d = desk(bids=[(100.0, 5.0)], asks=[(101.0, 9.0)], maker_fill="expected")
    order = d.order("buy", 10, limit=100.0)
    d.market.trade("buy", 100.0, 50.0)  # the wrong aggressor
    d.market.trade("sell", 100.0, 4.0)  # eats the queue
    d.market.trade("sell", 100.0, 3.0)  # 1 of the queue, 2 for us
    order = d.poll(order)
    assert (order.filled, order.average, order.status) == (2, 100, "open")
    d.market.trade("sell", 99.0, 3.0)  # through, by at most what was printed
    d.market.trade("sell", 100.0, 99.0)
    order = d.poll(order)
    assert (order.maker_amount, order.status) == (10, "closed")


@pytest.mark.parametrize(("estimate", "filled"), [("pessimistic", 5), ("expected", 5), ("optimistic", 10)])
def test_the_three_estimates_are_nested(estimate, filled):
    d = desk(bids=[(100.0, 5.0)], maker_fill=estimate)
    order = d.order("buy", 20, limit=100.0)
    d.market.trade("sell", 100.0, 7.0)
    d.market.trade("sell", 99.0, 3.0)
    assert d.poll(order).filled == filled


def test_one_print_is_shared_by_our_orders_best_rate_first():
    d = desk(maker_fill="optimistic")
    low, high = d.order("buy", 5, limit=99.0), d.order("buy", 5, limit=100.0)
    d.market.trade("sell", 98.0, 7.0)
    d.poll(low)
    assert (high.filled, low.filled) == (5, 2)


def test_prints_before_arrival_never_fill():
    d = desk(maker_fill="optimistic")
    d.market.trade("sell", 90.0, 100.0)
    d.market.during_sleep = lambda: d.market.trade("sell", 90.0, 100.0)
    order = d.order("buy", 5, limit=100.0)
    assert d.poll(order).filled == 0


def test_queue_shrinks_to_what_is_displayed_but_prints_are_not_counted_twice():
    d = desk(bids=[(100.0, 50.0)], maker_fill="expected")
    order = d.order("buy", 10, limit=100.0)
    d.market.bids = [(100.0, 3.0)]
    assert d.poll(order).queue.places["expected"].ahead == 3
    d.market.trade("sell", 100.0, 4.0)
    assert d.poll(order).filled == 1


@pytest.mark.parametrize("estimate", ["pessimistic", "expected"])
def test_a_print_that_comes_after_the_book_that_shows_it_moves_the_queue_once(estimate):
    """Its amount had left the level already, as if cancelled, and then used up the queue a second time."""
    d = desk(bids=[(100.0, 5.0)], asks=[(101.0, 5.0)], maker_fill=estimate)
    order = d.order("buy", 1, limit=100.0)
    d.market.time_ms += 100
    traded_ms = d.market.time_ms
    d.market.time_ms += 100
    d.market.difference([(100.0, 2.0)], [(101.0, 5.0)])
    d.poll(order)
    ahead = order.queue.places[estimate].ahead
    assert 0 < ahead <= 2
    d.market.tape.append(Print("0", traded_ms, 100.0, 3.0, "sell"))
    assert d.poll(order).filled == 0
    assert order.queue.places[estimate].ahead == ahead
    d.market.time_ms += 100
    d.market.trade("sell", 100.0, ahead + 0.5)
    assert d.poll(order).filled == pytest.approx(0.5)


def test_a_buy_that_cannot_be_paid_names_what_is_needed_and_free():
    d = desk(asks=[(100.0, 100.0)], start={"USDT": 150.0})
    with pytest.raises(BalanceTooLow, match=r"buy needs 200.0+ USDT, free are 150.0+"):
        d.order("buy", 2)
    d.order("buy", 1, limit=60.0)
    with pytest.raises(BalanceTooLow, match=r"free are 90.0+"):
        d.order("buy", 1)


def test_fees_fall_on_the_received_asset_and_balances_follow_to_the_last_bit():
    d = desk(bids=[(99.0, 10.0)], asks=[(100.0, 10.0)], start={"USDT": 500.0})
    d.order("buy", 1)
    assert (free(d.engine, "USDT"), free(d.engine, "BTC")) == (400.0, 0.999)
    with pytest.raises(BalanceTooLow, match=r"sell needs 1.0+ BTC, free are 0.99900000"):
        d.order("sell", 1)
    d.order("sell", 0.999)
    assert free(d.engine, "USDT") == pytest.approx(400 + 0.999 * 99 * 0.999, abs=1e-12)


def test_fees_in_quote_count_when_the_buy_is_checked():
    d = desk(asks=[(100.0, 10.0)], start={"USDT": 100.0}, fee_asset="quote")
    with pytest.raises(BalanceTooLow, match=r"needs 100.10+ USDT"):
        d.order("buy", 1)


def test_bnb_pays_the_discounted_fee_while_there_is_bnb():
    d = desk(asks=[(100.0, 100.0)], start={"USDT": 1e4, "BNB": 0.0002}, fee_asset="bnb")
    first, second = d.order("buy", 1), d.order("buy", 1)
    assert first.fee_dict() == {
        "currency": "BNB",
        "cost": pytest.approx(0.00015),
        "rate": pytest.approx(0.00075),
    }
    assert second.fee_dict()["currency"] == "BTC"


def test_restart_goes_on_with_queue_ledger_and_the_prints_missed():
    d = desk(bids=[(100.0, 5.0)], asks=[(101.0, 5.0), (102.0, 5.0)], maker_fill="expected")
    resting = d.order("buy", 10, limit=100.0)
    d.order("buy", 5)
    d.market.trade("sell", 100.0, 8.0)
    d.restart()
    again = d.poll(resting)
    assert (again.filled, again.queue.places["expected"].ahead) == (3, 0)
    assert d.order("buy", 5).average == 102
    assert free(d.engine, "USDT") == pytest.approx(1e9 - 300 - 505 - 510 - 700)


def test_futures_profit_reaches_the_balance_only_when_it_is_realised():
    d = Desk(ScriptedMarket([(100.0, 100.0)], [(101.0, 100.0)], fee=0.0), start={"USDT": 1000.0})
    d.is_futures = True
    d.restart()
    d.order("sell", 5, leverage=5.0)
    assert free(d.engine, "USDT") == pytest.approx(1000 - 100)
    d.market.bids, d.market.asks = [(89.0, 100.0)], [(90.0, 100.0)]
    d.order("buy", 5, leverage=5.0, reduce_only=True)
    assert free(d.engine, "USDT") == pytest.approx(1050)


@pytest.mark.parametrize(("entry", "exit_side"), [("buy", "sell"), ("sell", "buy")])
def test_a_stop_that_is_larger_than_what_a_target_has_left_closes_the_position_and_opens_none(
    entry, exit_side
):
    d = desk(bids=[(99.0, 100.0)], asks=[(101.0, 100.0)])
    d.is_futures = True
    d.restart()
    d.market.trade("buy", 100.0, 1.0)
    d.order(entry, 3)
    stop = d.order(exit_side, 3, stop_rate=90.0 if exit_side == "sell" else 110.0, reduce_only=True)
    target = d.order(exit_side, 1, reduce_only=True)
    resting = d.order(exit_side, 2, limit=120.0 if exit_side == "sell" else 80.0, reduce_only=True)
    d.market.trade(exit_side, 90.0 if exit_side == "sell" else 110.0, 1.0)
    stop = d.poll(stop)
    assert (target.filled, stop.status, stop.filled, stop.to_ccxt()["amount"]) == (1, "closed", 2, 2)
    d.market.trade(entry, 125.0 if exit_side == "sell" else 75.0, 10.0)
    resting = d.poll(resting)
    assert (resting.status, resting.filled) == ("expired", 0)
    with pytest.raises(OrderRejected, match="reduce-only, and there is no position to reduce"):
        d.order(exit_side, 1, reduce_only=True)
    assert d.restart()._holdings._account.positions == {}


@pytest.mark.parametrize(
    ("bids", "asks", "message"),
    [
        ([], [], "is empty"),
        ([(101.0, 1.0)], [(100.0, 1.0)], "is crossed: bid 101.0 >= ask 100.0"),
        ([(float("nan"), 1.0)], [], "has the level nan x 1.0"),
        ([(1.0, -1.0)], [], "has the level 1.0 x -1.0"),
    ],
)
def test_a_book_that_cannot_be_true_is_refused(bids, asks, message):
    with pytest.raises(BadBook, match=message):
        Book(bids, asks, 0, 20)


def test_a_measured_latency_is_half_a_round_trip_and_the_usual_range_before_one_is_known():
    market = ScriptedMarket([(99.0, 5.0)], [(100.0, 5.0)])
    desk = Desk(market, latency_ms="measured")
    first = desk.order("buy", 1)
    assert 50 <= first.entry_latency_ms <= 200
    market.trips_ms = (30.0, 40.0)
    ways = {desk.order("buy", 0.1).entry_latency_ms for _ in range(20)}
    assert ways == {15.0, 20.0}


def test_a_cancel_is_as_long_on_its_way_as_an_order_there_and_back():
    d = desk(latency_ms=(100.0, 100.0))
    order = d.order("buy", 1, limit=60.0)
    asked_ms = d.market.time_ms
    d.engine.cancel(order.request.id)
    assert d.market.time_ms - asked_ms == 200


def test_stock_freqtrade_s_claim_is_known_of_market_orders_alone():
    d = desk(asks=[(100.0, 1.0), (101.0, 5.0)])
    assert d.order("buy", 2).record().stock_average == 100.5
    assert d.order("buy", 1, limit=101.0).record().stock_average is None


@pytest.mark.parametrize(
    ("limit", "stop_rate", "rate"),
    [(99.0, None, 99.0), (99.0, 98.0, 99.0), (None, 98.0, 98.0), (None, None, 97.0)],
)
def test_an_order_that_waits_is_paid_for_by_its_limit_else_its_stop(limit, stop_rate, rate):
    values = {"id": "1", "pair": PAIR, "type": "market", "side": "buy", "amount": 1.0, "decision_rate": 97.0}
    assert worst_rate(OrderRequest(**values, limit=limit, stop_rate=stop_rate)) == rate


def test_an_order_has_its_decision_s_time_in_both_of_ccxt_s_ways():
    told = Desk(ScriptedMarket([(99.0, 1.0)], [(100.0, 1.0)])).order("buy", 0.001).to_ccxt()
    moment = datetime.strptime(told["datetime"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert moment.timestamp() * 1000 == pytest.approx(told["timestamp"])


def test_a_stop_that_a_poll_has_filled_stays_filled_after_a_kill():
    d = desk(bids=[(98.0, 100.0)])
    order = d.order("sell", 1, stop_rate=99.0)
    d.market.trade("sell", 98.5, 1)
    d.engine.poll(PAIR)
    assert (order.status, order.average) == ("closed", 98)
    engine = d.restart()
    assert engine.open_orders(PAIR) == []
    assert engine.find(order.request.id).status == "closed"


def test_prints_from_before_an_order_was_taken_over_do_not_fill_it():
    d = desk()
    left = d.order("buy", 1, limit=90.0)
    d.engine.drop(left)
    d.market.trade("sell", 80.0, 5)
    adopted = replace(left, status="open", request=replace(left.request, id="left"))
    d.engine.adopt(adopted)
    d.engine.poll(PAIR)
    assert adopted.filled == 0
    d.market.trade("sell", 80.0, 5)
    d.engine.poll(PAIR)
    assert adopted.filled == 1


def test_open_orders_are_those_of_a_pair_or_of_all_and_no_ended_ones():
    d = Desk(ScriptedMarket([(99.0, 1.0)], [(100.0, 1.0)]), start={"USDT": 1000.0})
    ended, here, there = (d.order("buy", 0.1, limit=90.0, pair=pair) for pair in (PAIR, PAIR, "ETH/USDT"))
    d.engine.cancel(ended.request.id)
    assert d.engine.open_orders() == [here, there]
    assert d.engine.open_orders(PAIR) == [here]
    assert d.engine.open_orders("SOL/USDT") == []


def test_a_book_whose_best_rates_are_equal_is_none():
    with pytest.raises(BadBook):
        Book([(100.0, 1.0)], [(100.0, 1.0)], 0, 20)
