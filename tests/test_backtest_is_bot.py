"""The same candles through a backtest and through the callbacks as the bot calls them: the same plan."""

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.persistence import LocalTrade

from freqtrade_ext.decide.decision import Decision
from freqtrade_ext.decide.plan import Plan
from freqtrade_ext.decide.sizing import AccountState, size_position

pytestmark = pytest.mark.timeout(300)


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
        state = strategy._market_state("BTC/USDT")
        closed = [other for other in trades if other.close_date_utc <= now][-5:]
        results = [other.close_profit for other in sorted(closed, key=lambda t: t.close_date_utc)]
        balance = 500 + sum(other.close_profit_abs for other in trades if other.close_date_utc <= now)
        account = AccountState(balance, 0, sum(p > 0 for p in results), sum(p < 0 for p in results))
        stake = size_position(account, 5.0, strategy.settings)
        decision = Decision(0, False, state, account, stake.reason)
        plan = decision.plan(trade.orders[0].average, strategy.settings)
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
