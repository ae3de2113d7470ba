"""Against freqtrade's own Trade and Order, without a bot."""

import math
from datetime import UTC, datetime

import ccxt
import pytest
from freqtrade.enums import TradingMode
from freqtrade.exchange import amount_to_contract_precision
from freqtrade.persistence import LocalTrade, Order
from freqtrade.util import FtPrecise
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.strategy import position
from freqtrade_ext.tags import tag_of

SHARES = (40.0, 30.0, 30.0)
OPENED = datetime(2024, 1, 1, tzinfo=UTC)


def new_trade(rate=104_878.48, amount=0.00143, is_short=False, leverage=1.0, tick=0.01, lot=1e-5):
    trade = LocalTrade(
        id=1,
        pair="BTC/USDT",
        base_currency="BTC",
        stake_currency="USDT",
        exchange="binance",
        stake_amount=amount * rate / leverage,
        amount=0.0,
        open_rate=rate,
        open_date=OPENED,
        fee_open=0.001,
        fee_close=0.001,
        is_open=True,
        is_short=is_short,
        leverage=leverage,
        trading_mode=TradingMode.FUTURES if leverage > 1 else TradingMode.SPOT,
        amount_precision=lot,
        price_precision=tick,
        precision_mode=ccxt.TICK_SIZE,
        precision_mode_price=ccxt.TICK_SIZE,
        contract_size=1.0,
        orders=[],
    )
    trade.adjust_stop_loss(rate, -0.10, initial=True)
    add_order(trade, trade.entry_side, amount, rate)
    return trade


def add_order(trade, side, amount, rate, tag=None, filled=None, status="closed"):
    order = Order(
        ft_order_side=side,
        ft_pair=trade.pair,
        ft_is_open=status == "open",
        ft_amount=amount,
        ft_price=rate,
        ft_order_tag=tag,
        order_id=str(len(trade.orders)),
        status=status,
        side=side,
        order_type="market",
        price=rate,
        average=rate,
        amount=amount,
        filled=amount if filled is None else filled,
        remaining=0.0,
        order_date=OPENED,
        order_filled_date=OPENED,
        funding_fee=0.0,
    )
    order._trade_bt = trade
    trade.orders.append(order)
    trade.recalc_trade_from_orders()
    return order


def test_golden_stop_is_in_the_trade_to_the_cent():
    trade = new_trade()
    position.set_stop(trade, 103_665.06)
    assert trade.stop_loss == 103_665.06
    assert trade.is_stop_loss_trailing is False


@pytest.mark.parametrize("stop_rate", [103_665.06, 105_088.0, 90_000.0])
def test_stop_survives_partial_exits_and_is_not_called_trailing(stop_rate):
    """A stop set from a rate below the open rate was moved by freqtrade's recalculation after each exit."""
    trade = new_trade()
    position.set_stop(trade, stop_rate)
    add_order(trade, "sell", 0.00035, 107_000.0, "tp1")
    assert trade.stop_loss == stop_rate
    assert trade.is_stop_loss_trailing is False


def test_an_average_between_two_ticks_does_not_make_the_stop_a_trailing_one():
    """One entry in ten ended as `trailing_stop_loss`: rounding its open rate moves freqtrade's own stop."""
    trade = new_trade(rate=104_878.484)
    trade.adjust_stop_loss(trade.open_rate, -0.1, initial=True)
    trade.orders[0].average = trade.open_rate = 104_878.486
    trade.recalc_trade_from_orders()
    assert trade.is_stop_loss_trailing is True
    position.set_stop(trade, 103_665.06)
    assert trade.is_stop_loss_trailing is False


@given(
    rate=st.integers(100_000, 10_000_000),
    percent=st.floats(0.05, 50),
    tick=st.sampled_from([0.01, 0.1, 1.0]),
    is_short=st.booleans(),
    leverage=st.sampled_from([1.0, 3.0, 10.0]),
)
def test_stop_on_the_tick_stays_on_its_tick(rate, percent, tick, is_short, leverage):
    open_rate = round(rate * tick, 2)
    trade = new_trade(rate=open_rate, amount=1, is_short=is_short, leverage=leverage, tick=tick)
    direction = 1 if is_short else -1
    stop_rate = position.round_rate(trade, open_rate * (1 + direction * percent / 100))
    position.set_stop(trade, stop_rate)
    assert trade.stop_loss == stop_rate
    trade.recalc_trade_from_orders()
    assert trade.stop_loss == stop_rate


@pytest.mark.parametrize(("leverage", "ratio"), [(1.0, -0.1), (3.0, -0.3), (None, -0.1)])
def test_the_initial_stop_is_shown_as_a_ratio_of_the_stake(leverage, ratio):
    trade = new_trade(rate=100.0)
    trade.leverage = leverage
    position.show_initial_stop(trade, 90.0)
    assert (trade.initial_stop_loss, trade.initial_stop_loss_pct) == (90.0, pytest.approx(ratio))


def test_restart_does_not_reset_the_stop():
    """freqtrade resets the stop of trades that began with another stoploss than the strategy's."""
    trade = new_trade()
    position.set_stop(trade, 103_665.06)
    assert trade.initial_stop_loss_pct == -0.10


def test_stage_is_latched_by_the_tags_of_exit_orders():
    trade = new_trade()
    assert position.read_position(trade).stage_asked == 0
    add_order(trade, "sell", 0.00035, 107_000.0, "tp1", filled=0.0, status="expired")
    assert position.read_position(trade).stage_asked == 1
    assert position.read_position(trade).stage_sold == 0
    add_order(trade, "sell", 0.00035, 109_000.0, "tp2")
    assert position.read_position(trade).stage_asked == 2
    assert position.read_position(trade).stage_sold == 2


def test_average_entry_weighs_fills_and_is_not_rounded():
    trade = new_trade(rate=100.0, amount=1.0, tick=1.0)
    add_order(trade, "buy", 2.0, 101.0)
    assert position.read_position(trade).anchor() == pytest.approx(100 + 2 / 3, rel=1e-12)
    assert trade.open_rate == 101.0


def test_entered_amount_is_what_can_be_sold():
    trade = new_trade()
    trade.orders[0].ft_fee_base = 0.00000143
    assert position.read_position(trade).entered(SHARES) == pytest.approx(0.00142, abs=1e-12)


@given(
    lots=st.integers(1, 10**6),
    sold_lots=st.integers(1, 10**6),
    rate=st.floats(0.01, 1e5),
    lot=st.sampled_from([1e-5, 0.001, 0.1, 1.0]),
    leverage=st.sampled_from([1.0, 3.0, 7.0]),
)
def test_stake_turns_back_into_the_same_amount(lots, sold_lots, rate, lot, leverage):
    """The arithmetic is freqtrade's own, of `check_and_call_adjust_trade_position`."""
    trade = new_trade(rate=rate, amount=round(lots * lot, 5), leverage=leverage, lot=lot, tick=1e-8)
    amount = round(min(lots, sold_lots) * lot, 5)
    stake = position.stake_for(trade, amount)
    back = float(FtPrecise(stake) * FtPrecise(trade.amount) / FtPrecise(trade.stake_amount))
    assert amount_to_contract_precision(back, lot, ccxt.TICK_SIZE, 1.0) == amount


@pytest.mark.parametrize(
    ("precision", "size", "mode", "lot"),
    [
        (None, 1.0, ccxt.TICK_SIZE, 0.0),
        (0.01, 10.0, ccxt.TICK_SIZE, 0.1),
        (0.01, None, ccxt.TICK_SIZE, 0.01),
        (3, 10.0, ccxt.DECIMAL_PLACES, 0.01),
        (5, 1.0, ccxt.SIGNIFICANT_DIGITS, 0.0),
    ],
)
def test_a_lot_is_in_base_units_whatever_way_the_exchange_counts(precision, size, mode, lot):
    trade = new_trade()
    trade.amount_precision, trade.contract_size, trade.precision_mode = precision, size, mode
    assert position.lot_of(trade) == pytest.approx(lot)


def test_the_stake_of_a_part_is_its_share_of_the_trade_s():
    trade = new_trade(rate=100.0, amount=0.6)
    assert position.stake_for(trade, 0.2) == pytest.approx(20.0, rel=1e-12)
    trade.amount_precision = None
    assert position.stake_for(trade, 0.2) == 0.2 * 60 / 0.6, "there is no lot to fall below"


@pytest.mark.parametrize(
    ("is_short", "in_coins", "fee_close", "profit"),
    [
        # 0.5 for 50.05, 100.1 each; 0.2 at 110 less 0.2 %
        (False, 0.0, 0.002, 0.2 * (109.78 - 100.1)),
        (False, 0.0, None, 0.2 * (110 - 100.1)),
        # 0.499 for 50
        (False, 0.001, 0.002, 0.2 * (109.78 - 50 / 0.499)),
        (True, 0.0, 0.002, 0.2 * (99.9 - 110.22)),
    ],
)
def test_what_exits_earned_is_cash_in_and_out_after_all_fees(is_short, in_coins, fee_close, profit):
    trade = new_trade(rate=100.0, amount=0.5, is_short=is_short)
    trade.orders[0].ft_fee_base, trade.fee_close = in_coins, fee_close
    add_order(trade, trade.entry_side, 0.5, 90.0, filled=0.0, status="canceled")
    add_order(trade, trade.exit_side, 0.2, 120.0, filled=0.0, status="canceled")
    sold = add_order(trade, trade.exit_side, 0.2, 110.0)
    assert position.exits(trade) == [sold]
    assert position.earned(trade, [sold]) == pytest.approx(profit)


def test_entry_of_a_thin_book_that_can_never_be_sold_is_closed_as_lost(monkeypatch):
    committed = []
    monkeypatch.setattr(position.Trade, "commit", staticmethod(lambda: committed.append(trade.is_open)))
    trade = new_trade(rate=100_000.0, amount=0.00002)
    position.write_off(trade, 90_000.0)
    # what it cost, with the entry's fee
    assert (trade.is_open, trade.close_profit_abs, committed) == (False, pytest.approx(-2.002), [False])


def test_a_lot_made_coarser_while_a_trade_is_open_leaves_no_bit_that_makes_freqtrade_refuse_its_last_target():
    trade = new_trade(amount=0.00143)
    position.follow_lot(trade, 1e-4)
    assert (trade.amount, position.read_position(trade).entered(SHARES)) == (0.0014, 0.0014)
    position.follow_lot(trade, None)
    assert trade.amount == 0.0014


def test_a_lot_larger_than_the_position_leaves_it_as_it_is():
    trade = new_trade(amount=0.00143)
    position.follow_lot(trade, 1.0)
    assert (trade.amount, trade.is_open) == (0.00143, True)


def test_an_order_without_an_id_is_open_no_longer():
    """ccxt makes one of an answer that is no JSON: the position was left without a stop for ever."""
    trade = new_trade(rate=100.0, amount=10.0, lot=0.001)
    for _ in range(2):
        order = add_order(trade, "sell", 10.0, 90.0, "stop_loss", filled=0.0, status="open")
        order.order_id = "None"
        assert trade.has_open_orders
        assert position.forget_nameless(trade)
        assert not trade.has_open_orders
        assert order.order_id != "None", "freqtrade's table takes no id twice"
    assert not position.forget_nameless(trade)


def test_written_off_trade_counts_its_rest_as_lost(monkeypatch):
    monkeypatch.setattr(position.Trade, "commit", staticmethod(lambda: None))
    trade = new_trade(rate=100_000.0)
    add_order(trade, "sell", 0.00139, 101_000.0, "stop_loss")
    position.write_off(trade, 101_000.0)
    # bought 0.00143 for 143 and a fee of 0.1 %, of which the sold part's share; 40 times 1e-6 are left over
    gained = 0.00139 * 101_000 * 0.999 - 0.00139 * 100_000 * 1.001
    assert trade.is_open is False
    assert trade.close_profit_abs == pytest.approx(gained - 4.004, abs=1e-6)
    assert math.isclose(trade.close_profit, trade.close_profit_abs / 143, rel_tol=1e-6)


def killed_before_booking(trade, side, amount, rate, tag=None):
    """The order is in the database, what it did to the trade is not."""
    held, stake, is_open = trade.amount, trade.stake_amount, trade.is_open
    order = add_order(trade, side, amount, rate, tag)
    trade.amount, trade.stake_amount, trade.is_open = held, stake, is_open
    return order


def no_record(order_id):
    return None


def test_settle_books_a_target_sold_right_before_a_kill_so_that_it_is_not_sold_again():
    trade = new_trade()
    killed_before_booking(trade, "sell", 0.00035, 106_976.05, "tp1")
    assert trade.amount == 0.00143
    assert position.settle(trade, no_record)
    assert trade.amount == pytest.approx(0.00108, abs=1e-12)
    assert not position.settle(trade, no_record)


def test_settle_takes_the_fee_of_an_entry_off_the_amount_as_the_engine_took_it():
    trade = new_trade()
    trade.fee_open_currency = None  # as in the database
    record = FillRecord(decision_rate=1.0, fee_cost=0.00000143, fee_currency="BTC", fee_rate=0.001)
    assert position.settle(trade, lambda order_id: record)
    assert (trade.amount, trade.fee_open_currency, trade.orders[0].ft_fee_base) == (
        0.00142,
        "BTC",
        0.00000143,
    )


def test_settle_closes_a_trade_whose_last_exit_was_not_booked():
    trade = new_trade()
    killed_before_booking(trade, "sell", 0.00143, 103_665.06, "stop_loss")
    assert position.settle(trade, no_record)
    assert (trade.is_open, trade.exit_reason, trade.close_rate) == (False, "stop_loss", 103_665.06)


def test_settle_leaves_a_trade_open_while_its_last_exit_is_or_a_lot_is_left():
    trade = new_trade()
    last = killed_before_booking(trade, "sell", 0.00143, 103_665.06, "stop_loss")
    last.ft_is_open = True
    position.settle(trade, no_record)
    assert trade.is_open
    last.ft_is_open, last.filled = False, 0.00142
    position.settle(trade, no_record)
    assert (trade.is_open, trade.amount) == (True, pytest.approx(0.00001))


def test_settle_closes_a_trade_whose_lots_are_sold_but_for_what_an_entry_fee_left():
    trade = new_trade()
    trade.orders[0].ft_fee_base = 0.00000143
    killed_before_booking(trade, "sell", 0.00042, 106_976.05, "tp1")
    killed_before_booking(trade, "sell", 0.001, 109_000.0, "tp2")
    assert position.settle(trade, no_record)
    assert (trade.is_open, trade.exit_reason, trade.close_rate) == (False, "tp2", 109_000.0)


def test_settle_books_a_fee_that_is_known_once_and_one_in_quote_units_off_no_coins():
    trade = new_trade()
    trade.fee_open_currency = None
    record = FillRecord(decision_rate=1.0, fee_cost=0.15, fee_currency="", fee_rate=0.002)
    position.settle(trade, lambda order_id: record)
    assert (trade.fee_open, trade.fee_open_currency) == (0.002, None)
    assert trade.orders[0].ft_fee_base is None
    trade.fee_open_currency = "USDT"
    position.settle(trade, lambda order_id: FillRecord(decision_rate=1.0, fee_cost=9.0, fee_rate=0.9))
    assert trade.fee_open == 0.002


@pytest.mark.parametrize(("seconds", "is_its_own"), [(0, True), (10, True), (-10, True), (10.5, False)])
def test_a_record_of_a_live_order_has_when_it_was_decided_on_unless_that_was_another(seconds, is_its_own):
    order = new_trade().orders[0]
    decided = int((OPENED.timestamp() + seconds) * 1000)
    record = position.order_record(order, decided)
    assert record.decision_ms == (decided if is_its_own else None)
    assert (record.side, record.type, record.status) == ("buy", "market", "closed")
    order.side = order.order_type = order.status = None
    bare = position.order_record(order)
    assert (bare.side, bare.type, bare.status, bare.decision_ms) == ("", "", "", None)


def test_settle_leaves_an_entry_without_a_fill_alone():
    trade = new_trade()
    trade.orders[0].filled, trade.orders[0].ft_is_open, trade.orders[0].status = 0.0, True, "open"
    assert not position.settle(trade, no_record)


@pytest.mark.parametrize("tag", [None, "", "tp1", "a tag | of somebody", "x" * 255])
def test_tag_of_an_order_stays_what_it_was_behind_what_is_added(tag):
    order = Order(ft_order_tag=tag)
    for text in ("slippage 0.001 %, 153 ms", "slippage 0.002 %, 90 ms"):
        position.add_to_tag(order, text)
        assert order.ft_order_tag.endswith(text)
        assert len(order.ft_order_tag) <= 255
        assert "slippage" not in tag_of(order.ft_order_tag)
        assert tag_of(order.ft_order_tag) == (tag or "").partition("| ")[0].rstrip()[:228]
