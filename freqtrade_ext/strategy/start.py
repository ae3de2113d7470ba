"""What is worked out once, when the bot starts."""

from __future__ import annotations

import logging
from dataclasses import fields, replace

from freqtrade.enums import TradingMode
from freqtrade.exceptions import ExchangeError, FreqtradeException
from freqtrade.strategy import IStrategy

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.paper.stock import exchange_of, whole_lots
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.sizing import AccountState, size_position
from freqtrade_ext.settings import Settings
from freqtrade_ext.text import digits, is_dollar, money, rate_text

logger = logging.getLogger(__name__)

IN_DOLLARS = ("min_position", "low_balance")
"""settings whose defaults are dollars"""
DOLLAR = "USDT"
LARGE_LOT = 0.003
"""part of a position from which on the coins that fees leave below a lot are logged"""


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


def tell_large_lots(strategy: IStrategy, settings: Settings) -> None:
    """Log, for each pair whose lot is large for the account, what the fees of a trade leave behind."""
    currency = strategy.config["stake_currency"]
    if strategy.config.get("trading_mode") == TradingMode.FUTURES or settings.fee_asset != "received":
        return
    exchange = exchange_of(strategy)
    account = AccountState(strategy.wallets.get_total_stake_amount(), 0)
    try:
        stake = size_position(account, 0.0, settings, currency).stake_amount
        for pair in strategy.dp.current_whitelist():
            base = pair.partition("/")[0]
            rate = exchange.get_conversion_rate(base, currency)
            lot = exchange.get_precision_amount(pair)
            if not rate or not lot or lot * rate / stake < LARGE_LOT:
                continue
            received = whole_lots(exchange, pair, stake / rate) * (1 - exchange.get_fee(pair))
            left = received - whole_lots(exchange, pair, received)
            logger.info(
                "%s: fees leave about %s %s (%s, %.1f %% of a position) of a trade behind, less than the lot "
                "of %s; it is sold along with a later one. Fees in BNB (`fee_asset: bnb`) leave nothing.",
                pair,
                digits(round(left, 8)),
                base,
                money(left * rate, currency),
                100 * left * rate / stake,
                digits(lot),
            )
    except (NoTrade, FreqtradeException) as why:
        logger.debug("what fees leave behind is not known: %s", why)
