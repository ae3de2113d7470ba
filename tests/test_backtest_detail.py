"""`--timeframe-detail 1m`: targets and stops hit inside the candles of 5m, each case as a table."""

import numpy as np
import pandas as pd
import pytest
from freqtrade.persistence import LocalTrade

from freqtrade_ext.plan.plan import Plan
from tests.backtests import write_longer

pytestmark = pytest.mark.timeout(300)

ENTRY = pd.Timestamp("2024-01-20 12:00", tz="UTC")
"""where Hourly enters, at a rate of 100; the plan: stop 99, targets 101.8, 103.2, 105.5, sold 40, 30, 30 %"""

# minute after the entry: open, high, low, close; the minutes between are still at the last close
TARGET_INSIDE = {
    6: (100.0, 102.1, 100.0, 102.0),  # reached ...
    7: (102.0, 102.1, 101.9, 102.0),  # ... and sold as this minute opens
    8: (102.0, 102.0, 100.5, 100.5),  # gone when the next candle of 5m opens
}
STOP_INSIDE = {
    6: (100.0, 100.1, 98.9, 99.5),  # the stop first
    7: (99.5, 102.1, 99.5, 102.0),  # the target comes too late
}
TARGET_THEN_STOP = {
    6: (100.0, 102.1, 100.0, 102.0),
    7: (102.0, 102.0, 100.0, 100.0),
    8: (100.0, 100.0, 98.8, 98.9),
}
TWO_TARGETS = {
    6: (100.0, 103.5, 100.0, 103.4),  # past both: what is due at TP2 includes TP1's share
    7: (103.4, 103.4, 103.3, 103.3),
    8: (103.3, 103.3, 98.0, 98.5),
}


@pytest.fixture
def candles_of(tmp_path):
    def write(table):
        """Write ten quiet days, of an ATR of 0.5 %, then the minutes of the table."""
        dates = pd.date_range(end=ENTRY + pd.Timedelta("29min"), periods=10 * 1440, freq="1min")
        close = np.where(dates.hour % 2, 100.05, 100.0)
        frame = pd.DataFrame({"date": dates.astype("datetime64[ns, UTC]"), "open": close, "close": close})
        frame = frame.assign(high=100.275, low=99.775, volume=1.0)
        frame = frame[["date", "open", "high", "low", "close", "volume"]].set_index("date")
        last = 100.0
        for minute in range(30):
            row = table.get(minute, (last, last, last, last))
            frame.loc[ENTRY + pd.Timedelta(minutes=minute), ["open", "high", "low", "close"]] = row
            last = row[3]
        minutes = frame.reset_index()
        minutes.to_feather(tmp_path / "BTC_USDT-1m.feather")
        for timeframe in ("5min", "1h"):
            write_longer(minutes, timeframe, tmp_path)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("table", "detailed", "coarse"),
    [
        (TARGET_INSIDE, [(7, "tp1", 40, 102.0)], []),
        (STOP_INSIDE, [(6, "stop_loss", 100, 99.0)], [(5, "stop_loss", 100, 99.0)]),
        (
            TARGET_THEN_STOP,
            [(7, "tp1", 40, 102.0), (8, "stop_loss", 60, 99.0)],
            [(5, "stop_loss", 100, 99.0)],
        ),
        (
            TWO_TARGETS,
            [(7, "tp2", 70, 103.4), (8, "stop_loss", 30, 99.0)],
            [(5, "stop_loss", 100, 99.0)],
        ),
    ],
    ids=["target inside", "stop inside", "target then stop", "two targets"],
)
def test_exits_inside_a_candle(backtest, candles_of, table, detailed, coarse):
    folder = candles_of(table)
    for expected, detail in ((detailed, {"timeframe_detail": "1m"}), (coarse, {})):
        begin = int((ENTRY - pd.Timedelta("10min")).timestamp())
        backtest("Hourly", timerange=f"{begin}-", folder="tests/strategies", datadir=folder, **detail)
        (trade,) = LocalTrade.bt_trades
        plan = Plan.from_json(trade.get_custom_data("plan"))
        assert plan.entry_rate == 100
        assert plan.stop_rate == pytest.approx(99, abs=0.05)
        assert plan.target_rates == pytest.approx((101.8, 103.2, 105.5))
        entered = trade.orders[0].filled
        exits = [
            (
                (order.order_filled_utc - ENTRY) / pd.Timedelta("1min"),
                order.ft_order_tag,
                pytest.approx(100 * order.filled / entered, abs=0.01),
                pytest.approx(order.average, abs=0.05),
            )
            for order in trade.orders[1:]
            if order.ft_order_tag != "force_exit"
        ]
        assert exits == expected
