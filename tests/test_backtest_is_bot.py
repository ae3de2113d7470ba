"""The same market through a backtest and through the bot: the same trades, plans, tags and amounts."""

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.persistence import LocalTrade, Trade, init_db

from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.sizing import AccountState, size_position
from freqtrade_ext.tags import tag_of
from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

CANDLE_MS = 300_000
LOT = 1e-5


@pytest.fixture
def traded(tmp_path):
    """Twelve hours of the real bot in virtual time: its trades, and the exchange's candles of them."""
    bot = VirtualBot(tmp_path, "Hourly", ["BTC/USDT"], seed=7, scenario="live", activity=0.05)
    end_ms = bot.start_ms + 12 * 3_600_000
    folder = tmp_path / "candles"
    folder.mkdir()

    bot.run(end_ms, lambda bot, script: script.at(end_ms - 2000, lambda: bot.save_candles(folder)))
    init_db(f"sqlite:///{bot.database}")
    trades = sorted(Trade.get_trades().unique().all(), key=lambda trade: trade.id)
    yield bot, folder, [(trade, Plan.from_json(trade.get_custom_data("plan"))) for trade in trades]
    Trade.session.remove()


def test_the_bot_and_a_backtest_make_the_same_trades(traded, backtest):
    """Seen minute by minute (`--timeframe-detail 1m`), a backtest does what the bot has done."""
    bot, folder, by_bot = traded
    # a backtest enters on its second candle
    first_ms = bot.start_ms - CANDLE_MS
    backtest(
        "Hourly",
        timerange=f"{first_ms}-",
        folder="tests/strategies",
        datadir=folder,
        timeframe_detail="1m",
        dry_run_wallet=500,
    )
    backtested = list(LocalTrade.bt_trades)
    assert len(backtested) == len(by_bot) >= 3
    for (trade, plan), other in zip(by_bot, backtested, strict=True):
        other_plan = Plan.from_json(other.get_custom_data("plan"))
        assert timedelta(0) <= trade.open_date_utc - other.open_date_utc <= timedelta(seconds=2)
        assert (plan.shares, plan.reasons[1:]) == (other_plan.shares, other_plan.reasons[1:])
        assert plan.target_percents == other_plan.target_percents
        assert plan.stop_percent == pytest.approx(other_plan.stop_percent, rel=1e-5)
        assert trade.enter_tag == other.enter_tag
        # what earlier exits have earned is not the same to the cent
        assert trade.stake_amount == pytest.approx(other.stake_amount, rel=0.01)
        assert plan.entry_rate == pytest.approx(other_plan.entry_rate, rel=1e-3)
        fills = [order for order in trade.orders if order.safe_filled]
        exits = [o for o in fills if o.ft_order_side == "sell" and o.safe_filled]
        # what is still open at its end a backtest sells
        others = [o for o in other.orders if o.ft_order_side == "sell" and o.ft_order_tag != "force_exit"]
        assert [tag_of(order.ft_order_tag) for order in exits] == [order.ft_order_tag for order in others]
        for order, other_order in zip(fills, [other.orders[0], *others], strict=True):
            # the bot pays its fee in the coin, and not just the open rate of the candle
            assert order.safe_filled == pytest.approx(other_order.safe_filled, abs=2.001 * LOT)
            assert abs(order.order_filled_utc - other_order.order_filled_utc) <= timedelta(
                minutes=2, seconds=10
            )
    assert {tag_of(o.ft_order_tag) for trade, _ in by_bot for o in trade.orders} >= {
        "tp1",
        "tp2",
        "tp3",
        "stop_loss",
    }
    inside = [o.order_filled_date.minute % 5 for t in backtested for o in t.orders[1:]]
    assert any(inside)  # between the opens of the strategy's own candles


def test_a_bot_that_knows_only_the_past_makes_the_plans_of_the_backtest(backtest, candles):
    """
    Each trade of a backtest is decided anew as the bot decides: on the candles alone that were closed by
    then, analysed as the bot does, on the account as it was.
    """
    strategy = backtest(timerange="20230301-20230310").strategy
    trades = list(LocalTrade.bt_trades)
    assert len(trades) >= 3
    frames = {
        timeframe: pd.read_feather(candles / f"BTC_USDT-{timeframe}.feather") for timeframe in ("5m", "1h")
    }
    for trade in trades:
        now = trade.open_date_utc

        def known(pair, timeframe=None, candle_type="", now=now):
            """What the exchange would have given at that time."""
            timeframe = timeframe or "5m"
            frame = frames[timeframe]
            closed = frame[frame["date"] + pd.Timedelta(timeframe.replace("m", "min")) <= now]
            return closed.tail(1000).reset_index(drop=True)

        strategy.dp.get_pair_dataframe = known
        candles_then = known("BTC/USDT", "5m")
        analysed = strategy.analyze_ticker(candles_then, {"pair": "BTC/USDT"})
        signal = analysed.iloc[-1]
        assert (signal["enter_long"], signal["enter_tag"]) == (1, trade.enter_tag)
        strategy.dp.get_analyzed_dataframe = lambda pair, timeframe, answer=(analysed, now): answer
        state = strategy.manager.market_states.last("BTC/USDT")
        closed = [other for other in trades if other.close_date_utc <= now][-5:]
        results = [other.close_profit for other in sorted(closed, key=lambda t: t.close_date_utc)]
        balance = 500 + sum(other.close_profit_abs for other in trades if other.close_date_utc <= now)
        account = AccountState(balance, 0, sum(p > 0 for p in results), sum(p < 0 for p in results))
        stake = size_position(account, 5.0, strategy.manager.settings)
        decision = Decision(0, False, state, account, stake.reason)
        plan = decision.plan(trade.orders[0].average, strategy.manager.settings)
        backtested = Plan.from_json(trade.get_custom_data("plan"))
        assert (plan.shares, plan.reasons) == (backtested.shares, backtested.reasons)
        assert plan.target_percents == backtested.target_percents
        # indicators begin 1000 candles ago here, and 200 hours before the backtest there
        assert plan.stop_percent == pytest.approx(backtested.stop_percent, rel=1e-5)
        assert plan.stop_rate == pytest.approx(backtested.stop_rate, abs=0.02)
        lot = trade.amount_precision
        assert trade.orders[0].filled == pytest.approx(
            stake.stake_amount / trade.orders[0].average, abs=1.001 * lot
        )
        assert timedelta(0) <= now - analysed["date"].iloc[-1] <= timedelta(minutes=5)
