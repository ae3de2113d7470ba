"""What installing makes of a configuration and of the database, on an exchange without a connection."""

import json

import pytest
from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade, init_db

from freqtrade_ext.paper import install as installed
from freqtrade_ext.paper.store import DatabaseStore
from freqtrade_ext.settings import Settings
from tests.fills.scripted_market import Desk, ScriptedMarket


class Stock(Exchange):
    name, id = "Binance", "binance"

    def __init__(self, wallet=500, mode=TradingMode.SPOT, margin=MarginMode.NONE):
        self._config = {"dry_run": True, "dry_run_wallet": wallet, "stake_currency": "USDT"}
        self.trading_mode, self.margin_mode = mode, margin
        self._ft_has = {"l2_limit_range": None}
        self._api = None

    def __del__(self):
        pass

    def get_proxy_coin(self):
        return "USDT"


@pytest.mark.parametrize(
    ("mode", "margin", "kinds"),
    [
        (TradingMode.SPOT, MarginMode.NONE, (False, False)),
        (TradingMode.FUTURES, MarginMode.ISOLATED, (True, False)),
        (TradingMode.FUTURES, MarginMode.CROSS, (True, True)),
    ],
)
def test_the_account_starts_with_dry_run_wallet_in_the_configured_mode(mode, margin, kinds):
    account = installed._account(Stock(500, mode, margin))
    assert (account.total("USDT"), account.is_futures, account.is_cross) == (500.0, *kinds)
    both = installed._account(Stock({"USDT": 70, "BTC": 0.5}))
    assert (both.total("USDT"), both.total("BTC")) == (70.0, 0.5)


@pytest.mark.parametrize("is_told", [True, False])
def test_orders_of_trades_deleted_under_an_older_version_are_taken_back_once(is_told):
    """Versions before that one marked no ended orders; since then a deletion is undone as it happens."""
    desk = Desk(ScriptedMarket([(100.0, 5.0)], [(101.0, 5.0)]), start={"USDT": 500.0}, latency_ms=(0, 0))
    desk.order("buy", 1.0)
    init_db("sqlite://")
    rows = {key: json.loads(value) for key, value in desk.store.rows.items()}
    DatabaseStore().save({key: value for key, value in rows.items() if is_told or key != "open"})
    Trade.commit()
    engine = installed.install(Stock(), Settings(feed=False))
    assert engine.balances()["USDT"][1] == pytest.approx(500 - 101 if is_told else 500)


def test_the_latency_is_said_with_where_it_comes_from():
    assert installed._latency_text(Settings(latency_ms=(20, 60)), None) == "20-60 ms"
    measured = Settings(latency_ms="measured")
    assert installed._latency_text(measured, None).endswith("ms (nothing measures it without the feed)")
    assert installed._latency_text(measured, object()).startswith("measured (")
