"""What depends on the stake currency and on freqtrade's own limits, worked out at the start."""

import logging

import pytest
from freqtrade.exceptions import TemporaryError

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.start import in_stake_currency


class Exchange:
    name = "Binance"

    def __init__(self, rate):
        self.rate = rate

    def get_conversion_rate(self, coin, currency):
        assert currency == "USDT"
        if isinstance(self.rate, Exception):
            raise self.rate
        return self.rate


class Strategy:
    def __init__(self, currency, rate, **own):
        self.config = {"stake_currency": currency, "freqtrade_ext": own}
        self.dp = type("DataProvider", (), {"_exchange": Exchange(rate)})


@pytest.mark.parametrize(
    ("currency", "rate", "own", "min_position", "low_balance"),
    [
        ("USDT", AssertionError(), {}, 100, 300),
        ("FDUSD", AssertionError(), {}, 100, 300),
        ("BTC", 100_000.0, {}, 0.001, 0.003),
        ("JPY", 0.0064, {}, 15_625, 46_875),
        ("BTC", 100_000.0, {"min_position": 0.01}, 0.01, 0.003),
        ("BTC", AssertionError(), {"min_position": 0.01, "low_balance": 0.05}, 0.01, 0.05),
    ],
)
def test_defaults_in_dollars_are_scaled_by_the_rate(currency, rate, own, min_position, low_balance, caplog):
    """100 BTC were the least position."""
    caplog.set_level(logging.INFO)
    settings = in_stake_currency(Strategy(currency, rate, **own), Settings(**own))
    assert (settings.min_position, settings.low_balance) == pytest.approx((min_position, low_balance))
    assert len(caplog.records) == (0 if isinstance(rate, Exception) else 1)


def test_the_scaled_sizes_are_said_in_one_line(caplog):
    caplog.set_level(logging.INFO)
    in_stake_currency(Strategy("BTC", 80_000.0), Settings())
    assert caplog.messages == [
        "min_position is 0.00125 BTC ($100), low_balance is 0.00375 BTC ($300), by 80,000.00 USDT per BTC"
    ]


@pytest.mark.parametrize("rate", [None, TemporaryError("offline")])
def test_a_currency_without_a_rate_demands_its_sizes(rate):
    with pytest.raises(SettingsError, match=r"low_balance must be set: .* no rate of XYZ in USDT"):
        in_stake_currency(Strategy("XYZ", rate, min_position=5.0), Settings(min_position=5.0))
