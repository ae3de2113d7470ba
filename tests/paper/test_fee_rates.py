"""Fees that are charged: ccxt's defaults are other ones on OKX and Bybit."""

import pytest
from freqtrade.enums import TradingMode
from freqtrade.exceptions import OperationalException

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.paper.fee_rates import fee_rates
from freqtrade_ext.settings import Settings

SPOT, FUTURES = TradingMode.SPOT, TradingMode.FUTURES


@pytest.mark.parametrize(
    ("venue", "mode", "rates"),
    [
        ("binance", SPOT, (0.001, 0.001)),
        ("binance", FUTURES, (0.0002, 0.0005)),
        ("bybit", SPOT, (0.001, 0.001)),
        ("bybit", FUTURES, (0.0002, 0.00055)),
        ("okx", SPOT, (0.0008, 0.001)),
        ("okx", FUTURES, (0.0002, 0.0005)),
        ("hyperliquid", SPOT, (0.0004, 0.0007)),
        ("hyperliquid", FUTURES, (0.00015, 0.00045)),
        ("kraken", SPOT, None),
    ],
)
def test_the_lowest_tier_is_the_default(venue, mode, rates):
    assert fee_rates(venue, mode, Settings()) == rates


def test_the_user_s_tier_goes_first_each_rate_by_itself():
    assert fee_rates("okx", SPOT, Settings(taker_fee=0.0007)) == (0.0008, 0.0007)
    assert fee_rates("kraken", SPOT, Settings(maker_fee=-0.0001, taker_fee=0.002)) == (-0.0001, 0.002)
    assert fee_rates("kraken", SPOT, Settings(taker_fee=0.002)) is None
    assert fee_rates("bybit", SPOT, Settings(maker_fee=0.0, taker_fee=0.0)) == (0, 0)


def test_percent_for_a_ratio_is_refused():
    with pytest.raises(SettingsError, match=r"freqtrade_ext\.taker_fee must be <= 0\.01, is 0\.1"):
        Settings.from_config({"freqtrade_ext": {"taker_fee": 0.1}})


def test_fees_in_bnb_are_binance_s_alone():
    assert fee_rates("binance", SPOT, Settings(fee_asset="bnb")) == (0.001, 0.001)
    with pytest.raises(OperationalException, match=r"fee_asset is bnb, and bybit takes no fees in BNB"):
        fee_rates("bybit", SPOT, Settings(fee_asset="bnb"))
