"""Put the paper engine in place of freqtrade's dry-run fills, on the bot's own exchange instance."""

from __future__ import annotations

import logging
from functools import partial
from typing import cast

from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade
from freqtrade.util import FtTTLCache
from freqtrade.wallets import Wallets

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.paper.database import check_database, wait_for_locks
from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.fee_rates import fee_rates
from freqtrade_ext.paper.left_over import open_again, replay_orders, undo_deletions
from freqtrade_ext.paper.seams import check_seams, feed_warning, version_warning
from freqtrade_ext.paper.stock import config_of, share_markets, streaming_client
from freqtrade_ext.paper.store import DatabaseStore, MemoryStore
from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.paper.wallets import PaperWallets
from freqtrade_ext.settings import UNMEASURED_MS, Settings

logger = logging.getLogger(__name__)


def install(exchange: Exchange, settings: Settings, wallets: Wallets | None = None) -> Engine | None:
    """
    Fill the orders of this exchange instance as the real exchange would.

    Only the instances are touched, so other bots, backtests and live trading in the process stay stock.

    :param exchange: the bot's own exchange.
    :param wallets: the bot's own, which show the paper account from now on.
    :return: the engine, or None where the bot trades for real (`dry_run: false`) and nothing is installed.
    :raises OperationalException: naming freqtrade's version and the seam, where freqtrade has changed; or
        the database holds open trades of another exchange or mode.
    """
    has_database = hasattr(Trade, "session")
    if has_database:
        wait_for_locks()
        check_database(exchange)
    if not config_of(exchange)["dry_run"]:
        return None
    if isinstance(exchange, PaperExchange):
        return exchange.paper
    check_seams(type(exchange), PaperExchange, wallets)
    no_feed = feed_warning() if settings.feed else None
    for warning in filter(None, (version_warning(), no_feed)):
        logger.warning(warning)
    store = DatabaseStore() if has_database else MemoryStore()
    rates = fee_rates(exchange.id, exchange.trading_mode, settings)
    account, saved = _account(exchange), store.load()
    if has_database and "account" not in saved:
        replay_orders(account)
    stock = type(exchange)
    exchange.__class__ = type("Paper" + stock.__name__, (PaperExchange, stock), {})
    has_feed = settings.feed and no_feed is None
    exchange.feed = new_feed(exchange, settings.feed_fresh_ms) if has_feed else None
    exchange.fee_rates = rates
    exchange.tickers = FtTTLCache(maxsize=100, ttl=60)
    exchange.mids = FtTTLCache(maxsize=1000, ttl=10)
    exchange.paper = Engine(Venue(exchange, exchange.feed), account, settings, store)
    if has_database:
        open_again(exchange.paper)
        has_been_told = "open" in saved
        orders = [key.removeprefix("order/") for key in saved if key.startswith("order/")]
        undo_deletions(exchange.paper, () if has_been_told else orders)
    if wallets is not None:
        wallets.__class__ = PaperWallets
        cast(PaperWallets, wallets).paper = exchange.paper
    logger.info(
        "Dry-run orders fill from the order book of %s: %s latency, %s estimate of resting orders, "
        "fees in %s.",
        exchange.name,
        _latency_text(settings, exchange.feed),
        settings.maker_fill,
        _fee_text(settings, exchange),
    )
    return exchange.paper


def _latency_text(settings: Settings, feed: Feed | None) -> str:
    if not isinstance(settings.latency_ms, str):
        return "{:g}-{:g} ms".format(*settings.latency_ms)
    usual = "{:g}-{:g} ms".format(*UNMEASURED_MS)
    return f"measured ({usual} until it is)" if feed else f"{usual} (nothing measures it without the feed)"


def new_feed(exchange: Exchange, fresh_ms: float) -> Feed:
    """Return a live feed with a ccxt.pro client of its own."""
    return Feed(streaming_client(exchange), fresh_ms, partial(share_markets, exchange))


def _account(exchange: Exchange) -> Account:
    """Start with `dry_run_wallet`: an amount of the stake currency, or one per currency."""
    wallet = config_of(exchange)["dry_run_wallet"]
    start = wallet if isinstance(wallet, dict) else {exchange.get_proxy_coin(): wallet}
    return Account(
        start,
        is_futures=exchange.trading_mode == TradingMode.FUTURES,
        is_cross=exchange.margin_mode == MarginMode.CROSS,
    )


def _fee_text(settings: Settings, exchange: Exchange) -> str:
    if settings.fee_asset != "received":
        return settings.fee_asset
    is_futures = exchange.trading_mode == TradingMode.FUTURES
    return "the currency of the margin" if is_futures else "the asset received"
