from itertools import islice
from math import prod
from random import Random

import numpy as np
import pytest
import talib

from freqtrade_ext.replica.candles import AMOUNT, CLOSE, HIGH, LOW
from freqtrade_ext.replica.exchange import generate
from freqtrade_ext.replica.scenarios import legs
from tests.replica.talk import Time

START_MS = 1_795_376_100_000
PAIRS = ["BTC/USDT", "SOL/USDT"]


@pytest.mark.parametrize(
    ("scenario", "seconds", "least", "most"),
    [
        ("rise", 330, 0.08, 0.12),
        ("fall", 140, -0.07, -0.05),
        ("crash", 72, -0.56, -0.42),
        ("calm", 300, -0.01, 0.01),
    ],
)
def test_rates_go_where_the_scenario_says(scenario: str, seconds: int, least: float, most: float) -> None:
    clock = Time(START_MS)
    exchange = generate(PAIRS, 1, scenario, clock)  # type: ignore[arg-type]
    before = [market.last for market in exchange.markets]
    clock.ms += seconds * 1000
    exchange.advance(clock.ms)
    for market, rate in zip(exchange.markets, before, strict=True):
        assert least < market.last / rate - 1 < most


@pytest.mark.parametrize("after_candle_ms", [3_000, 70_000, 170_000, 239_000, 241_000, 270_000, 299_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_history_before_a_rise_ends_in_a_fresh_breakout_of_a_strong_trend(
    seed: int, after_candle_ms: int
) -> None:
    clock = Time(START_MS // 300_000 * 300_000 + after_candle_ms)
    exchange = generate(PAIRS, seed, "rise", clock)
    # what a bot sees that takes up to a minute to start: a breakout must not grow stale meanwhile
    clock.ms += 59_900
    exchange.advance(clock.ms)
    for market in exchange.markets:
        five = market.candles.interval("5m", limit=60)[:-1]
        assert five[-1, CLOSE] > five[-25:-1, HIGH].max()
        assert five[-1, AMOUNT] > 1.5 * five[-21:-1, AMOUNT].mean()
        assert five[-2, CLOSE] < five[-25:-2, HIGH].max() * 1.001
        high, low, close = (
            market.candles.interval("1h", limit=1000)[:-1, column] / 1e8 for column in (HIGH, LOW, CLOSE)
        )
        assert talib.ADX(high, low, close, 14)[-1] >= 25
        assert talib.RSI(close, 14)[-1] > 60
        assert talib.MACD(close)[2][-1] > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_live_market_moves_within_what_its_hours_before_allow(seed: int) -> None:
    """It rose by 5 % in five minutes after hours with an average true range of 0.6 %."""
    clock = Time(START_MS)
    exchange = generate(
        ["BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT", "XRP/USDT"], seed, "live", clock, 0.05
    )
    ranges = [average_range(market) for market in exchange.markets]
    assert all(1.5 < percent < 4.5 for percent in ranges), ranges
    clock.ms += 2 * 3_600_000
    exchange.advance(clock.ms)
    for market, percent in zip(exchange.markets, ranges, strict=True):
        five = market.candles.interval("5m", limit=25)
        moves = 100 * (five[:, HIGH] - five[:, LOW]) / five[:, LOW]
        assert moves.max() < 2 * percent
        # and not much less: what was decided on the hours before holds for those after
        assert average_range(market) > percent / 3


def average_range(market) -> float:
    """ATR(14) of closed hours, in percent."""
    rows = market.candles.interval("1h", limit=300)[:-1] / 1e8
    high, low, close = (rows[:, column] for column in (HIGH, LOW, CLOSE))
    return 100 * talib.ATR(high, low, close, 14)[-1] / close[-1]


def test_history_before_chop_is_a_range() -> None:
    exchange = generate(PAIRS, 1, "chop", Time(START_MS))
    for market in exchange.markets:
        high, low, close = (
            market.candles.interval("1h", limit=1000)[:-1, column] / 1e8 for column in (HIGH, LOW, CLOSE)
        )
        assert talib.ADX(high, low, close, 14)[-1] < 25
        assert talib.ATR(high, low, close, 14)[-1] / close[-1] * 100 >= 1.0


def test_random_legs_pull_back_to_where_they_started() -> None:
    ends = [
        prod(1 + leg.change for leg in islice(legs("live", "live", Random(seed)), 3000)) for seed in range(20)
    ]
    assert 0.4 < np.min(ends) < 1 < np.max(ends) < 2.5
