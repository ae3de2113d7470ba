"""What the paper exchange makes of freqtrade's calls, with an engine that notes what it is asked."""

from types import SimpleNamespace

import pytest
from freqtrade.enums import PriceType, TradingMode
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import Exchange

from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.stock import stops_by_mark

PAIR = "BTC/USDT"


class Bare(PaperExchange):
    """Without a connection."""

    name = id = "binance"

    def __init__(self, mode=TradingMode.SPOT):
        self.trading_mode, self.requests, self.answer = mode, [], None
        self._config, self.mids = {"order_types": {}}, {PAIR: 98.5}
        self.paper = SimpleNamespace(submit=self._submit, guard=self._guard)

    def __del__(self):
        pass

    def _submit(self, request):
        self.requests.append(request)
        return SimpleNamespace(status="closed", request=request, to_ccxt=lambda name: {"id": request.id})

    def _guard(self):
        self.requests.append("guard")
        if self.answer:
            raise self.answer


@pytest.fixture(autouse=True)
def _stock(monkeypatch):
    monkeypatch.setattr("freqtrade_ext.paper.exchange.whole_lots", lambda exchange, pair, amount: amount)
    monkeypatch.setattr("freqtrade_ext.paper.exchange.stop_rate_name", lambda exchange: "stopPrice")
    monkeypatch.setattr(PaperExchange, "price_to_precision", lambda self, pair, rate: round(rate, 1))


@pytest.mark.parametrize(
    ("ordertype", "stop", "kind", "limit", "stop_rate", "decision"),
    [
        ("limit", {}, "limit", 99.0, None, 99.0),
        ("market", {}, "market", None, None, 99.0),
        ("market", {"stop_price": 98.0}, "market", None, None, 99.0),
        ("stop_loss_limit", {"stop_loss": True, "stop_price": 98.0}, "stop_limit", 99.0, 98.0, 98.0),
        # Binance futures' name of a stop-limit
        ("stop", {"stop_loss": True, "stop_price": 98.0}, "stop_limit", 99.0, 98.0, 98.0),
        ("stop_market", {"stop_loss": True, "stop_price": 98.0}, "stop_market", None, 98.0, 98.0),
        ("market", {"stop_loss": True}, "stop_market", None, 99.0, 99.0),
    ],
)
def test_an_order_of_freqtrade_s_is_one_of_the_engine_s(ordertype, stop, kind, limit, stop_rate, decision):
    exchange = Bare()
    exchange.create_dry_run_order(PAIR, ordertype, "sell", 2.0, 99.0, 1.0, **stop)
    (request,) = exchange.requests
    assert (request.type, request.limit, request.stop_rate, request.decision_rate) == (
        kind,
        limit,
        stop_rate,
        decision,
    )
    assert request.mid_rate == (None if "stop_loss" in stop else 98.5)
    assert (request.ccxt_type, request.reduce_only, request.by_mark) == (ordertype, False, False)


@pytest.mark.parametrize("mode", [TradingMode.SPOT, TradingMode.FUTURES])
def test_stops_of_futures_only_reduce_and_wait_for_the_mark_price_where_asked(mode):
    exchange = Bare(mode)
    exchange._config["order_types"] = {"stoploss_price_type": PriceType.MARK}
    exchange.create_dry_run_order(PAIR, "market", "sell", 2.0, 99.0, 1.0, stop_loss=True)
    exchange.create_dry_run_order(PAIR, "market", "sell", 2.0, 99.0, 1.0)
    is_futures = mode == TradingMode.FUTURES
    assert [(r.reduce_only, r.by_mark) for r in exchange.requests] == [(is_futures,) * 2, (False,) * 2]
    assert stops_by_mark(exchange) is is_futures
    exchange._config["order_types"] = {}
    assert stops_by_mark(exchange) is False
    exchange.id = "hyperliquid"
    assert stops_by_mark(exchange) is is_futures


@pytest.mark.parametrize(("ordertype", "sent"), [("market", "GTC"), ("limit", "IOC")])
def test_time_in_force_is_of_limit_orders_and_a_rate_below_the_tick_stays_what_it_is(ordertype, sent):
    exchange = Bare(TradingMode.FUTURES)
    for rate in (99.04, 0.01):
        exchange.create_order(
            pair=PAIR,
            ordertype=ordertype,
            side="sell",
            amount=2.0,
            rate=rate,
            leverage=1.0,
            time_in_force="ioc",
            reduceOnly=True,
        )
    assert [r.decision_rate for r in exchange.requests] == [99.0, 0.01]
    assert {(r.time_in_force, r.reduce_only) for r in exchange.requests} == {(sent, True)}


def test_futures_are_guarded_with_each_loop_and_a_failure_is_said_once(monkeypatch, caplog):
    loaded = []
    monkeypatch.setattr(Exchange, "reload_markets", lambda self, *args, **more: loaded.append((args, more)))
    spot, exchange = Bare(), Bare(TradingMode.FUTURES)
    spot.reload_markets()
    exchange.answer = ExchangeError("no mark price")
    for _ in range(3):
        exchange.reload_markets()
    assert caplog.text.count("Funding and liquidation wait for the exchange: no mark price") == 1
    exchange.answer = None
    exchange.reload_markets(force=True)
    assert exchange.is_guarded
    exchange.answer = ExchangeError("no rates")
    exchange.reload_markets()
    assert "no rates" in caplog.text
    assert (spot.requests, exchange.requests) == ([], ["guard"] * 5)
    assert loaded[0] == ((False,), {"load_leverage_tiers": True})
    assert [args for args, _ in loaded] == [(False,)] * 4 + [(True,), (False,)]


def test_no_funding_is_received_on_spot():
    assert Bare().get_funding_fees(PAIR, 1.0, False, None) == 0.0
