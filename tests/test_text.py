import math

import pytest

from freqtrade_ext.text import fee_text, money, rate_text


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (166.6667, "USDT", "$167"),
        (16_666.67, "USDC", "$16,667"),
        (50, "USD", "$50"),
        (5.835, "USDT", "$5.83"),
        (99.999, "USDT", "$99.99"),
        (0.0125, "BTC", "0.0125 BTC"),
        (1500, "EUR", "1,500 EUR"),
        (357_142_857.14, "JPY", "357,142,860 JPY"),
        (104.29422813057, "EUR", "104.29423 EUR"),
        (1e-9, "BTC", "0.000000001 BTC"),
        (-0.0012, "BTC", "-0.0012 BTC"),
    ],
)
def test_money(value, currency, text):
    assert money(value, currency) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (104_878.48, "104,878.48"),
        (999.5, "999.50"),
        (2.5, "2.50"),
        (0.62345, "0.62345"),
        (0.00001234, "0.00001234"),
        (0, "0.00"),
    ],
)
def test_rate(rate, text):
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1499, "0.15"), (12.345, "12.35"), (0.00000143, "0.0000014"), (0, "0.00")]
)
def test_a_small_fee_is_not_nothing(value, text):
    assert fee_text(value) == text


@pytest.mark.parametrize("value", [-1.797693134862316e306, -math.inf, math.inf, math.nan])
def test_an_amount_that_cannot_be_is_worded_all_the_same(value):
    assert money(value, "USDT").startswith("$")
