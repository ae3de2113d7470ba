"""Hyperliquid's rates have five significant figures, on either side of a power of ten."""

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.install import install
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT
from tests.venues.hyperliquid import Hyperliquid

pytestmark = pytest.mark.timeout(100)


def test_the_tick_follows_the_rate(tmp_path):
    with Hyperliquid(["SOL/USDC:USDC"], futures=True) as stub:
        files = [str(ROOT / "config.json"), str(ROOT / "user_data" / "hyperliquid.json")]
        arguments = {"config": files, "user_data_dir": str(tmp_path)}
        config = Configuration(arguments, RunMode.DRY_RUN).get_config()
        config["exchange"] |= stub.overlay()["exchange"] | {"enable_ws": False}
        exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
        exchange.reload_markets(True, load_leverage_tiers=False)
        install(exchange, Settings(feed=False))
        # SOL is at 151: the tick of its listing is 0.01
        rates = {99.98765: 99.988, 151.239: 151.24, 1234.567: 1234.6, 123456.7: 123457.0}
        assert {rate: exchange.price_to_precision("SOL/USDC:USDC", rate) for rate in rates} == rates
        exchange.close()
