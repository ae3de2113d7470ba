"""What is worked out once, when the bot starts."""

from __future__ import annotations

import logging
from dataclasses import fields, replace

from freqtrade.exceptions import ExchangeError
from freqtrade.strategy import IStrategy

from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.settings import Settings, SettingsError
from freqtrade_ext.text import digits, is_dollar, rate_text

logger = logging.getLogger(__name__)

IN_DOLLARS = ("min_position", "low_balance")
"""settings whose defaults are dollars"""
DOLLAR = "USDT"


def in_stake_currency(strategy: IStrategy, settings: Settings) -> Settings:
    """
    Return the settings with the defaults that are dollars in stake currency, by its rate now.

    :raises SettingsError: naming what to set, where the exchange knows no rate of the currency.
    """
    currency = strategy.config["stake_currency"]
    own = strategy.config.get("freqtrade_ext", {})
    dollars = {f.name: f.default for f in fields(Settings) if f.name in IN_DOLLARS and f.name not in own}
    if is_dollar(currency) or not dollars:
        return settings
    exchange = exchange_of(strategy)
    try:
        rate = exchange.get_conversion_rate(currency, DOLLAR)
    except ExchangeError:
        rate = None
    if not rate:
        names = " and ".join(f"freqtrade_ext.{name}" for name in dollars)
        raise SettingsError(
            f"{names} must be set: the defaults are dollars, and {exchange.name} has no rate of {currency} "
            f"in {DOLLAR}"
        )
    scaled = {name: value / rate for name, value in dollars.items()}
    said = [f"{name} is {digits(value)} {currency} (${dollars[name]:g})" for name, value in scaled.items()]
    logger.info("%s, by %s %s per %s", ", ".join(said), rate_text(rate), DOLLAR, currency)
    return replace(settings, **scaled)
