"""
The one place that touches freqtrade's private names on an exchange object.

What lower rooms need of it, a ccxt client, markets, is made here and handed down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade.enums import PriceType, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.misc import deep_merge_dicts
from freqtrade.strategy import IStrategy


def exchange_of(strategy: IStrategy) -> Exchange:
    """Return the exchange object of the bot that runs the strategy."""
    return strategy.dp._exchange


def config_of(exchange: Exchange) -> dict[str, Any]:
    """Return freqtrade's configuration."""
    config: dict[str, Any] = exchange._config
    return config


def ccxt_client(exchange: Exchange) -> Any:
    """Return the ccxt client that answers freqtrade's own requests."""
    return exchange._api


def streaming_client(exchange: Exchange) -> Any:
    """Return a new ccxt.pro client, made as freqtrade makes its own (2026.9, Exchange.__init__)."""
    config = exchange._config["exchange"]
    settings = deep_merge_dicts(config.get("ccxt_config", {}), exchange._ccxt_config)
    settings = deep_merge_dicts(config.get("ccxt_async_config", {}), settings)
    client = type(exchange._api_async)(deep_merge_dicts(exchange._ccxt_params, settings))
    share_markets(exchange, client)
    return client


def share_markets(exchange: Exchange, client: Any) -> None:
    """Copy the markets that freqtrade knows now to a ccxt client."""
    client.set_markets_from_exchange(exchange._api)


def restore_async_markets(exchange: Exchange) -> bool:
    """
    Copy the markets of freqtrade's ccxt client to its asynchronous one, where that has lost its own.

    :return: whether they were gone.
    """
    if exchange._api_async.markets:
        return False
    if exchange._api.markets:
        share_markets(exchange, exchange._api_async)
    return True


def forget_zero_steps(exchange: Exchange) -> None:
    """Take a tick or lot of 0 for an unknown one: ccxt ends with an AssertionError where it rounds to it."""
    for market in (exchange._api_async.markets or {}).values():
        for name in ("amount", "price"):
            if market["precision"].get(name) == 0:
                market["precision"][name] = None


def book_depths(exchange: Exchange) -> tuple[int, ...]:
    """Return the order book depths that freqtrade asks this exchange for; empty where any will do."""
    return tuple(exchange._ft_has["l2_limit_range"] or ())


def leverage_tiers(exchange: Exchange, pair: str) -> list[dict[str, Any]]:
    """Return a pair's leverage tiers as freqtrade has them; empty where the exchange gives none."""
    return list(exchange._leverage_tiers.get(pair, []))


def stop_rate_name(exchange: Exchange) -> str:
    """Return ccxt's name of a stop's rate in this exchange's orders."""
    return str(exchange._ft_has["stop_price_prop"])


def stops_by_mark(exchange: Exchange) -> bool:
    """Return whether stops on the exchange wait for the mark price: Hyperliquid's do, others' where asked."""
    if exchange.trading_mode != TradingMode.FUTURES:
        return False
    wanted = exchange._config.get("order_types", {}).get("stoploss_price_type")
    return exchange.id == "hyperliquid" or wanted == PriceType.MARK


def whole_lots(exchange: Exchange, pair: str, amount: float) -> float:
    """Cut an amount (base units) to the lot, or to whole contracts on futures."""
    contracts = exchange.amount_to_precision(pair, exchange._amount_to_contracts(pair, amount))
    return float(exchange._contracts_to_amount(pair, contracts))


def contract_size(exchange: Exchange, pair: str) -> float:
    """Return the base units in one unit of ccxt's amounts: those of a contract on futures, else 1."""
    if exchange.trading_mode == TradingMode.SPOT:
        return 1.0
    return exchange.get_contract_size(pair) or 1.0


def hyperopt_results(strategy: IStrategy) -> Mapping[str, Any]:
    """Return the hyperopt results that lie beside the strategy's file, by the name of their space."""
    results: Mapping[str, Any] = strategy._ft_params_from_file
    return results
