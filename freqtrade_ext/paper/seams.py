"""What this package needs of freqtrade and ccxt: methods it overrides or calls, and the releases tried."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

import ccxt
from freqtrade import __version__ as freqtrade_version
from freqtrade.exceptions import OperationalException
from freqtrade.strategy import IStrategy
from freqtrade.wallets import Wallets
from packaging.version import Version

logger = logging.getLogger(__name__)

NEWEST_TRIED = "2026.9"
"""newest release of freqtrade that `make versions` was run with; a newer one is warned of, not refused"""
CCXT_FLOOR = "4.5.76"
"""oldest ccxt tried; those before it do not note when a connection was last heard of"""

OVERRIDDEN = (
    "close",
    "_load_async_markets",
    "reload_markets",
    "price_to_precision",
    "get_fee",
    "get_funding_fees",
    "fetch_orders",
    "fetch_l2_order_book",
    "fetch_ticker",
    "get_min_pair_stake_amount",
    "get_max_pair_stake_amount",
    "create_order",
    "create_dry_run_order",
    "fetch_dry_run_order",
    "cancel_order",
)
"""methods of freqtrade's Exchange in whose place `PaperExchange` has its own, with the same parameters"""

CALLED = {
    "_amount_to_contracts": "pair amount",
    "_contracts_to_amount": "pair num_contracts",
    "amount_to_precision": "pair amount",
    "get_contract_size": "pair",
    "get_conversion_rate": "coin currency",
    "get_precision_amount": "pair",
    "get_proxy_coin": "",
}
"""other methods of freqtrade's Exchange -> the parameters they are called with"""

STRATEGY = (
    "ft_bot_start",
    "ft_check_timed_out",
    "ft_stoploss_reached",
    "should_exit",
    "analyze",
    "analyze_pair",
    "gather_informative_pairs",
    "advise_indicators",
    "advise_entry",
)
"""methods of freqtrade's IStrategy, beyond its documented callbacks, that this package has its own of"""


def check_seams(stock: type, ours: type, wallets: Wallets | None) -> None:
    """
    Compare freqtrade's exchange class and wallets with what this package was written for.

    :param stock: freqtrade's class of the configured exchange.
    :param ours: what is put in its place.
    :param wallets: the bot's own, where there are any.
    :raises OperationalException: naming freqtrade's version and the method, where they do not fit.
    """
    for name in OVERRIDDEN:
        found, expected = _parameters(stock, name), _parameters(ours, name)
        if found is None or not (found == expected or _takes_anything(getattr(ours, name))):
            raise _moved(f"Exchange.{name}", found, expected or [])
    for name, parameters in CALLED.items():
        wanted = parameters.split()
        try:
            inspect.signature(getattr(stock, name)).bind(None, **dict.fromkeys(wanted))
        except (AttributeError, TypeError):
            raise _moved(f"Exchange.{name}", _parameters(stock, name), wanted) from None
    if wallets is not None and not {"_wallets", "_positions"} <= vars(wallets).keys():
        raise _misfit("Wallets keep balances elsewhere")


def check_strategy(strategy: type[IStrategy]) -> None:
    """
    Compare freqtrade's strategy interface with what this package was written for.

    Without `ft_bot_start`, by which the paper engine is put in place, paper orders would fill as in stock
    freqtrade and nobody would notice.

    :param strategy: derived from this package's base classes; only what these define is compared.
    :raises OperationalException: naming freqtrade's version and the method, where they do not fit.
    """
    ours = [kind for kind in strategy.__mro__ if kind.__module__.startswith("freqtrade_ext.strategy.")]
    for name in STRATEGY:
        for method in [vars(kind)[name] for kind in ours if name in vars(kind)]:
            found, expected = _parameters(IStrategy, name), list(inspect.signature(method).parameters)[1:]
            named = [parameter for parameter in expected if parameter != "kwargs"]
            # `**kwargs` takes what freqtrade adds
            if found is None or not set(named) <= set(found) or ("kwargs" not in expected and named != found):
                raise _moved(f"IStrategy.{name}", found, named)


def _parameters(owner: type, name: str) -> list[str] | None:
    """Return the names of a method's parameters without self; None where there is no such method."""
    method = getattr(owner, name, None)
    return None if method is None else list(inspect.signature(method).parameters)[1:]


def _takes_anything(method: Callable[..., Any]) -> bool:
    kinds = {parameter.kind for parameter in inspect.signature(method).parameters.values()}
    return {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds


def _moved(name: str, found: list[str] | None, expected: list[str]) -> OperationalException:
    return _misfit(f"{name} is gone" if found is None else f"{name} takes {found}, expected {expected}")


def _misfit(what: str) -> OperationalException:
    return OperationalException(
        f"freqtrade {freqtrade_version} does not fit freqtrade_ext: {what}. "
        f'The newest release tried is {NEWEST_TRIED}: pip install "freqtrade=={NEWEST_TRIED}"'
    )


def version_warning() -> str | None:
    """Return what to say of a freqtrade newer than any that was tried; None for one that was."""
    if Version(freqtrade_version) <= Version(NEWEST_TRIED):
        return None
    return (
        f"freqtrade {freqtrade_version} is newer than {NEWEST_TRIED}, the newest tried with freqtrade_ext. "
        "The methods it needs are as they were; compare the first trades with those of an older release."
    )


def feed_warning() -> str | None:
    """Return why this ccxt gives no live feed; None where it does."""
    if Version(ccxt.__version__) >= Version(CCXT_FLOOR):
        return None
    return (
        f"No live feed: ccxt {ccxt.__version__} is older than {CCXT_FLOOR}. "
        "Books come by REST, a request each; pip install --upgrade ccxt brings the feed."
    )
