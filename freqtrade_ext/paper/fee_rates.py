"""What each venue charges: the lowest tier, unless the user names another one."""

from __future__ import annotations

from typing import NamedTuple

from freqtrade.enums import TradingMode
from freqtrade.exceptions import OperationalException

from freqtrade_ext.settings import Settings


class FeeRates(NamedTuple):
    """Ratios of the cost."""

    maker: float
    taker: float


LOWEST_TIER = {
    # https://www.binance.com/en/fee/trading
    ("binance", TradingMode.SPOT): FeeRates(0.001, 0.001),
    # https://www.binance.com/en/fee/futureFee
    ("binance", TradingMode.FUTURES): FeeRates(0.0002, 0.0005),
    # https://www.bybit.com/en/help-center/article/Trading-Fee-Structure; ccxt 4.5.90 has 0.0001 and 0.0006
    ("bybit", TradingMode.SPOT): FeeRates(0.001, 0.001),
    ("bybit", TradingMode.FUTURES): FeeRates(0.0002, 0.00055),
    # https://www.okx.com/fees; ccxt 4.5.90 has 0.001 and 0.0015 on spot
    ("okx", TradingMode.SPOT): FeeRates(0.0008, 0.001),
    ("okx", TradingMode.FUTURES): FeeRates(0.0002, 0.0005),
    # https://hyperliquid.gitbook.io/hyperliquid-docs/trading/fees
    ("hyperliquid", TradingMode.SPOT): FeeRates(0.0004, 0.0007),
    ("hyperliquid", TradingMode.FUTURES): FeeRates(0.00015, 0.00045),
}
"""of regular users without a discount, as published in November 2026"""


def fee_rates(exchange_id: str, mode: TradingMode, settings: Settings) -> FeeRates | None:
    """
    Return what orders pay: the user's tier, else the venue's lowest one; None for what ccxt says.

    :raises OperationalException: fees are to be paid in BNB where the exchange takes none.
    """
    if settings.fee_asset == "bnb" and exchange_id != "binance":
        raise OperationalException(
            f"freqtrade_ext.fee_asset is bnb, and {exchange_id} takes no fees in BNB: leave it away."
        )
    own = settings.maker_fee, settings.taker_fee
    lowest = LOWEST_TIER.get((exchange_id, mode), (None, None))
    maker, taker = (rate if mine is None else mine for mine, rate in zip(own, lowest, strict=True))
    return None if maker is None or taker is None else FeeRates(maker, taker)
