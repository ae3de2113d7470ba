"""Funding, stops of the mark price and liquidation, worked by hand on a scripted market."""

import pytest

from freqtrade_ext.fills.arrivals import OrderRejected
from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle, MarkLook, Tier, tiers
from tests.fills.scripted_market import Desk, ScriptedMarket, free, total

PERPETUAL = "BTC/USDT:USDT"
HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000
# Binance's first bracket of BTCUSDT
BINANCE = MarginRules((Tier(300_000, 150, 0.004), Tier(800_000, 100, 0.005, 300.0)), fee=0.0125)


@pytest.fixture
def desk():
    market = ScriptedMarket([(99_999.0, 1.0)], [(100_000.0, 1.0)], fee=0.0)
    market.time_ms = START_MS + HOUR_MS
    market.margin = BINANCE
    desk = Desk(market, start={"USDT": 500.0}, latency_ms=(0.0, 0.0))
    desk.is_futures = True
    desk.restart()
    return desk


def minute(market, low, high, close):
    market.mark_candles.append(MarkCandle(market.time_ms // 60_000 * 60_000, low, high, close))


def book(desk, rate):
    """Let whoever closes the position do it at this rate, and whoever has none enter at it."""
    is_short = any(amount < 0 for amount, _ in desk.account.positions.values())
    taken_at_bid = bool(desk.account.positions) and not is_short
    desk.market.bids = [(rate if taken_at_bid else rate - 1, 10.0)]
    desk.market.asks = [(rate + 1 if taken_at_bid else rate, 10.0)]


def enter(desk, side="buy", amount=0.03, leverage=20.0):
    """150 of margin at 20x is 3000 of BTC."""
    if side == "sell":
        desk.market.bids, desk.market.asks = [(100_000.0, 10.0)], [(100_001.0, 10.0)]
    desk.order(side, amount, pair=PERPETUAL, leverage=leverage)
    minute(desk.market, 99_000, 101_000, 100_000)
    desk.engine.guard()


def funding(desk, after_ms=0):
    desk.engine.settle(PERPETUAL)
    return desk.engine.funding(PERPETUAL, after_ms)


def mark(desk, rate, last=None):
    """Let a minute pass, the mark price go to a rate, and the book be there or elsewhere."""
    desk.market.time_ms += 60_000
    low, high = sorted((rate, 100_000.0))
    minute(desk.market, low, high, rate)
    book(desk, last or rate)
    desk.engine.guard()


# 0.4 % must be kept: tests/test_futures.py works 95,381.53 out for the long, 104,581.67 for the short
@pytest.mark.parametrize(
    ("side", "inside", "outside"), [("buy", 95_382.0, 95_381.0), ("sell", 104_581.0, 104_582.0)]
)
def test_the_mark_price_liquidates_where_the_margin_is_down_to_what_must_be_kept(desk, side, inside, outside):
    enter(desk, side)
    mark(desk, inside)
    assert desk.engine.liquidations(PERPETUAL, 0) == []
    mark(desk, outside)
    (order,) = desk.engine.liquidations(PERPETUAL, 0)
    assert (order.status, order.filled) == ("closed", 0.03)
    assert total(desk.engine, "USDT") == pytest.approx(350)
    assert free(desk.engine, "USDT") == pytest.approx(350)


@pytest.mark.parametrize(("side", "rate"), [("buy", 90_000.0), ("sell", 110_000.0)])
def test_a_gap_costs_the_margin_and_no_more(desk, side, rate):
    """A market order into the gap lost twice the margin: 300 of 150."""
    enter(desk, side)
    mark(desk, rate)
    (order,) = desk.engine.liquidations(PERPETUAL, 0)
    assert order.average == pytest.approx(95_000 if side == "buy" else 105_000)
    assert total(desk.engine, "USDT") == pytest.approx(350)


def test_what_the_fee_leaves_of_the_margin_comes_back(desk):
    """Sold at 95,300 the loss is 141; without a fee 9 of the margin are left, with 0.1 % 6.141."""
    for fee, left in ((0.0, 359.0), (0.001, 356.141)):
        desk.market.margin = MarginRules(BINANCE.tiers, fee=fee)
        desk.market.mark_candles.clear()
        desk.store.rows.clear()
        desk.restart()
        book(desk, 100_000.0)
        enter(desk)
        mark(desk, 95_300.0)
        assert total(desk.engine, "USDT") == pytest.approx(left)


def test_venues_that_take_positions_over_keep_the_whole_margin(desk):
    desk.market.margin = MarginRules(BINANCE.tiers, sells_to_book=False)
    enter(desk)
    mark(desk, 95_300.0)
    assert total(desk.engine, "USDT") == pytest.approx(350, abs=1e-6)


def test_where_the_entry_s_value_counts_the_margin_to_keep_does_not_follow_the_mark_price(desk):
    """0.4 % of 3000 are 12 of the 150: a loss of 138 at 95,400."""
    desk.market.margin = MarginRules(BINANCE.tiers, is_of_entry=True)
    enter(desk)
    mark(desk, 95_401.0)
    assert desk.engine.liquidations(PERPETUAL, 0) == []
    mark(desk, 95_400.0)
    assert len(desk.engine.liquidations(PERPETUAL, 0)) == 1


def test_a_rate_that_came_back_while_the_bot_was_down_has_liquidated(desk):
    enter(desk)
    desk.restart()
    desk.market.time_ms += 60_000
    minute(desk.market, 95_200, 100_000, 95_400)
    desk.market.time_ms += 60_000
    minute(desk.market, 95_400, 100_000, 100_000)
    desk.engine.guard()
    (order,) = desk.engine.liquidations(PERPETUAL, 0)
    # the book stands at 100,000 again, which was nobody's rate then
    assert order.average <= 95_200
    assert total(desk.engine, "USDT") == pytest.approx(350)


def test_a_mark_price_from_before_the_entry_liquidates_nothing(desk):
    """The look of the position before was hours old, and the rates since were taken for new ones."""
    enter(desk)
    desk.order("sell", 0.03, pair=PERPETUAL, reduce_only=True)
    desk.market.time_ms += 60_000
    minute(desk.market, 80_000, 120_000, 100_000)
    desk.market.time_ms += 60_000
    enter(desk, "sell")
    assert desk.engine.liquidations(PERPETUAL, 0) == []


def test_cross_margin_stakes_the_whole_balance(desk):
    desk.is_cross = True
    desk.restart()
    enter(desk)
    mark(desk, 90_000.0)  # a loss of 300
    assert desk.engine.liquidations(PERPETUAL, 0) == []
    mark(desk, 80_000.0, last=70_000.0)
    assert len(desk.engine.liquidations(PERPETUAL, 0)) == 1
    assert total(desk.engine, "USDT") == pytest.approx(0, abs=1e-9)


def test_a_liquidation_cancels_the_orders_of_its_pair(desk):
    enter(desk)
    target = desk.order("sell", 0.03, 110_000.0, pair=PERPETUAL, leverage=20.0, reduce_only=True)
    mark(desk, 90_000.0)
    assert (target.status, target.reason) == ("canceled", "the position was liquidated")


def test_stops_of_the_mark_price_do_not_hear_the_last_trade(desk):
    enter(desk, amount=0.02, leverage=5.0)
    stop = desk.order(
        "sell", 0.02, pair=PERPETUAL, leverage=5.0, stop_rate=98_000.0, reduce_only=True, by_mark=True
    )
    desk.market.trade("sell", 97_000.0, 1.0)
    desk.engine.poll(PERPETUAL)
    assert stop.status == "open"
    mark(desk, 97_900.0)
    assert (stop.status, stop.average) == ("closed", 97_900.0)


def test_a_stop_that_the_mark_price_reaches_in_a_halt_sells_once_the_market_is_open(desk):
    """It was filled from the frozen book: the mark price follows other markets."""
    enter(desk, amount=0.02, leverage=5.0)
    stop = desk.order(
        "sell", 0.02, pair=PERPETUAL, leverage=5.0, stop_rate=98_000.0, reduce_only=True, by_mark=True
    )
    desk.market.is_closed = True
    mark(desk, 97_900.0, last=100_000.0)
    assert stop.status == "open"
    desk.market.is_closed = False
    mark(desk, 98_500.0, last=97_000.0)
    assert (stop.status, stop.average) == ("closed", 97_000.0)


def test_a_stop_beyond_the_mark_price_is_refused(desk):
    enter(desk, amount=0.02, leverage=5.0)
    with pytest.raises(OrderRejected, match="would trigger immediately: mark price 100000"):
        desk.order("sell", 0.02, pair=PERPETUAL, stop_rate=101_000.0, reduce_only=True, by_mark=True)


@pytest.mark.parametrize(
    ("amount", "leverage", "reason"),
    [
        (9.0, 10.0, "Leverage bracket: size 900000 > 800000"),
        (4.0, 125.0, "leverage 125 > 100 for size 400000"),
    ],
)
def test_brackets_limit_size_and_leverage(desk, amount, leverage, reason):
    desk.market.asks = [(100_000.0, 100.0)]
    with pytest.raises(OrderRejected, match=reason):
        desk.order("buy", amount, pair=PERPETUAL, leverage=leverage)


# -- funding ----------------------------------------------------------------------------------------


def due(desk, hour, rate, at=100_000.0):
    desk.market.funding_rates.append(FundingRate(START_MS + hour * HOUR_MS, rate, at))


@pytest.mark.parametrize(("side", "sign"), [("buy", -1), ("sell", 1)])
def test_a_positive_rate_is_paid_by_longs_to_shorts(desk, side, sign):
    enter(desk, side, amount=0.01, leverage=5.0)
    due(desk, 8, 0.0003, at=101_000.0)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 61_000
    desk.engine.guard()
    assert total(desk.engine, "USDT") == pytest.approx(500 + sign * 0.303)
    assert desk.engine.funding(PERPETUAL, START_MS) == pytest.approx(sign * 0.303)
    desk.engine.guard()
    assert total(desk.engine, "USDT") == pytest.approx(500 + sign * 0.303)


def test_funding_is_paid_on_what_was_held_at_its_time(desk):
    """Half is sold after the funding time, before the bot knows the rate; then all."""
    enter(desk, amount=0.02, leverage=5.0)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 1000
    book(desk, 100_000.0)
    half = desk.order("sell", 0.01, pair=PERPETUAL, reduce_only=True)
    rest = desk.order("sell", 0.01, pair=PERPETUAL, reduce_only=True)
    assert (half.filled, rest.filled) == (0.01, 0.01)
    due(desk, 8, 0.001)
    desk.market.time_ms += 60_000
    desk.engine.guard()
    assert total(desk.engine, "USDT") == pytest.approx(498)


def test_funding_before_the_entry_is_not_paid(desk):
    due(desk, 1, 0.001)
    due(desk, 2, 0.001)
    desk.market.time_ms += 1
    enter(desk, amount=0.01, leverage=5.0)
    desk.market.time_ms = START_MS + 2 * HOUR_MS + 61_000
    desk.engine.guard()
    assert total(desk.engine, "USDT") == pytest.approx(499)


def test_a_rate_that_is_published_late_is_paid_late(desk):
    enter(desk, amount=0.01, leverage=5.0)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 2000
    assert funding(desk) == 0
    due(desk, 8, 0.001)
    desk.market.time_ms += 2000
    assert funding(desk) == pytest.approx(-1)


def test_funding_survives_a_restart_and_is_not_paid_twice(desk):
    enter(desk, amount=0.01, leverage=5.0)
    due(desk, 8, 0.001)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 61_000
    desk.engine.guard()
    desk.restart().guard()
    assert total(desk.engine, "USDT") == pytest.approx(499)
    assert desk.engine.funding(PERPETUAL, 0) == pytest.approx(-1)
    # what a fill at 08:00:30 gets is not counted again for the next one
    assert desk.engine.funding(PERPETUAL, START_MS + 8 * HOUR_MS + 30_000) == 0
    assert desk.engine.funding(PERPETUAL, 0, START_MS + 8 * HOUR_MS - 1) == 0


def test_an_account_from_before_fundings_were_kept_pays_from_its_last_fill_on(desk):
    enter(desk, amount=0.01, leverage=5.0)
    account = desk.store.load()["account"]
    del account["funding"]
    desk.store.save({"account": account})
    desk.restart()
    due(desk, 0, 0.001)
    due(desk, 8, 0.001)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 61_000
    desk.engine.guard()
    assert total(desk.engine, "USDT") == pytest.approx(499)


# -- margin rules -----------------------------------------------------------------------------------


def test_deductions_follow_from_the_tiers_where_none_are_told():
    """Binance's own: 300,000 * (0.005 - 0.004) = 300, then 800,000 * (0.0065 - 0.005) more."""
    rows = [(0, 300_000, 0.004, 150), (300_000, 800_000, 0.005, 100), (800_000, 3e6, 0.0065, 75)]
    names = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage")
    found = tiers([dict(zip(names, row, strict=True)) for row in rows])
    assert [tier.deducted for tier in found] == pytest.approx([0, 300, 1500])
    rules = MarginRules(found)
    # no jump from tier to tier
    assert rules.maintenance(3.0, 100_000) == pytest.approx(rules.maintenance(3.0000001, 100_000), abs=0.01)


def test_without_tiers_nothing_is_liquidated(desk):
    desk.market.margin = MarginRules()
    enter(desk)
    mark(desk, 50_000.0)
    assert desk.engine.liquidations(PERPETUAL, 0) == []


@pytest.mark.parametrize(
    ("then", "range_"),
    [
        ([(0, 90, 110, 100)], (100, 100, 100)),  # the same minute, nothing new
        ([(0, 85, 110, 100)], (85, 100, 100)),  # a new low in it
        ([(0, 90, 115, 100), (60_000, 98, 101, 99)], (98, 115, 99)),
    ],
)
def test_only_what_is_new_in_a_minute_happened_since_the_last_look(then, range_):
    look = MarkLook()
    assert look.since([MarkCandle(0, 90, 110, 105)]) == (105, 105, 105)
    assert look.since([MarkCandle(*row) for row in then]) == range_


def test_adding_to_a_position_does_not_forget_its_funding(desk):
    enter(desk, amount=0.01, leverage=5.0)
    due(desk, 8, 0.001)
    desk.market.time_ms = START_MS + 8 * HOUR_MS + 61_000
    desk.engine.guard()
    enter(desk, amount=0.005, leverage=5.0)
    assert desk.engine.funding(PERPETUAL, 0) == pytest.approx(-1)


def test_the_greatest_leverage_of_a_tier_is_allowed(desk):
    most = BINANCE.tiers[0].max_leverage
    assert BINANCE.refusal(0.001, 100_000.0, most) is None
    assert "leverage" in BINANCE.refusal(0.001, 100_000.0, most + 1)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_bracket_is_that_of_the_position_that_an_order_makes(desk, side):
    """3 coins of 100,000 fill the first bracket; what reduces the position needs no larger one."""
    desk.start = {"USDT": 1e6}
    desk.restart()
    desk.account.trade(PERPETUAL, side, 3.0, 300_000.0, 120.0)
    further = {"pair": PERPETUAL, "limit": 100_000.0, "leverage": 120.0}
    with pytest.raises(OrderRejected, match=r"leverage 120 > 100 for size 400000"):
        desk.order(side, 1.0, **further)
    desk.order("sell" if side == "buy" else "buy", 1.0, **further)


def test_what_is_left_open_from_before_fundings_were_kept_counts_from_its_pair_s_last_fill(desk):
    enter(desk)
    filled_ms = desk.market.time_ms
    desk.market.time_ms += HOUR_MS
    desk.order("buy", 0.001, pair="ETH/USDT:USDT", leverage=20.0)
    desk.order("buy", 0.001, limit=1.0, pair=PERPETUAL, leverage=20.0)
    holdings = desk.engine._holdings
    assert holdings.last_fill_ms(PERPETUAL) == filled_ms
    assert holdings.last_fill_ms("ETH/USDT:USDT") == desk.market.time_ms
    desk.market.time_ms += HOUR_MS
    assert holdings.last_fill_ms("SOL/USDT:USDT") == desk.market.time_ms
