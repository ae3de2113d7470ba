"""
The fill table on exchange instances that freqtrade makes itself, against the embedded exchange.

Each row also asks stock freqtrade, on the identical book: its answers are the defects to beat.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

import pytest
from freqtrade.exceptions import InsufficientFundsError, InvalidOrderException, OperationalException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order, init_db
from freqtrade.resolvers import ExchangeResolver
from freqtrade.strategy import IStrategy

from freqtrade_ext.fills.queue import STANDING_MS
from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.paper import seams
from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.market_data import PaperMarketData
from freqtrade_ext.paper.seams import CALLED, OVERRIDDEN, STRATEGY, check_strategy
from freqtrade_ext.replica import Replica
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.managed import ManagedStrategy
from freqtrade_ext.strategy.paper_fills import PaperFills
from freqtrade_ext.strategy.planned import Planned
from freqtrade_ext.strategy.prepared import Prepared

PAIR, SYMBOL = "XRP/USDT", "XRPUSDT"  # a coarse lot and a fine tick: 100 of the fill table is 2.00 here


@pytest.fixture(scope="module")
def replica():
    with Replica(seed=1, pairs=[PAIR, "BTC/USDT"], scenario="calm") as replica:
        yield replica


class Market:
    """What strangers do on the frozen book."""

    def __init__(self, url):
        self.url = url

    def book(self, bids=((1.50, 1e6),), asks=((5.00, 1e6),)):
        self._post("book", symbol=SYMBOL, bids=bids, asks=asks)

    def prints(self, side, rate, amount):
        self._post("print", symbol=SYMBOL, side=side, rate=rate, amount=amount)

    def _post(self, path, **body):
        request = Request(f"{self.url}/control/{path}", json.dumps(body).encode())
        with urlopen(request, timeout=10) as answer:
            assert answer.status == 200


@pytest.fixture
def market(replica):
    market = Market(replica.url)
    market.book([(1.9, 1e6)], [(1.91, 1e6)])
    market.prints("buy", 2.0, 10)  # the last trade, before any stop is placed
    return market


@pytest.fixture
def new_exchange(replica):
    opened = []

    def new(**changes) -> Exchange:
        config = {
            "dry_run": True,
            "dry_run_wallet": {"USDT": 1e6, "XRP": 1e5, "BTC": 1.0},
            "stake_currency": "USDT",
            "trading_mode": "spot",
            "margin_mode": "",
            "candle_type_def": "spot",
            "runmode": "dry_run",
        } | changes
        config["exchange"] = replica.overlay()["exchange"] | {
            "key": "",
            "secret": "",
            "pair_whitelist": [PAIR],
            "enable_ws": False,
        }
        exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
        opened.append(exchange)
        return exchange

    init_db("sqlite://")
    yield new
    for exchange in opened:
        exchange.close()


@pytest.fixture
def stock(new_exchange):
    return new_exchange()


@pytest.fixture
def paper(new_exchange):
    return installed(new_exchange())


def installed(exchange, **settings) -> Exchange:
    install(exchange, Settings(latency_ms=(1.0, 2.0), seed=1, feed=False, **settings))
    return exchange


def order(exchange, side, amount, rate, ordertype="limit", **more):
    return exchange.create_order(
        pair=PAIR, ordertype=ordertype, side=side, amount=amount, rate=rate, leverage=1.0, **more
    )


def stop_market(exchange, amount, stop_rate):
    """What `create_stoploss` asks for on futures; Binance's spot market has stop-limit orders only."""
    return exchange.create_dry_run_order(PAIR, "market", "sell", amount, stop_rate, 1.0, stop_loss=True)


def stop_limit(exchange, amount, stop_rate):
    """With freqtrade's default of 1 % between stop and limit: 1.90 and 1.881."""
    return exchange.create_stoploss(PAIR, amount, stop_rate, {"stoploss": "limit"}, "sell", 1.0)


@dataclass
class Row:
    """A case of the fill table: book, order, what happens then, and both answers."""

    place: Any
    truth: dict[str, Any]
    stock: dict[str, Any]
    bids: list = field(default_factory=lambda: [(1.5, 1e6)])
    asks: list = field(default_factory=lambda: [(5.0, 1e6)])
    then: Any = lambda exchange, market, placed: placed


def gap_to_90(exchange, market, placed):
    market.book([(1.80, 6.0), (1.78, 1e6)], [(1.81, 1e6)])
    market.prints("sell", 1.80, 1)
    return exchange.fetch_order(placed["id"], PAIR)


def last_trade_at_90_but_ask_above(exchange, market, placed):
    market.book([(1.80, 1e6)], [(1.902, 1e6)])
    market.prints("sell", 1.80, 1)
    return exchange.fetch_stoploss_order(placed["id"], PAIR)


def four_filled_then_canceled(exchange, market, placed):
    market.prints("sell", 1.98, 4)
    exchange.fetch_order(placed["id"], PAIR)
    return exchange.cancel_order_with_result(placed["id"], PAIR, 10)


def ask_stands_through_it(exchange, market, placed):
    """At 99.5 x 4, for as long as the expected estimate wants to see it."""
    market.book([(1.98, 1e6)], [(1.99, 4), (2.20, 1e6)])
    exchange.fetch_order(placed["id"], PAIR)
    time.sleep(STANDING_MS["expected"] / 1000 + 0.05)
    return exchange.fetch_order(placed["id"], PAIR)


def three_tenths_printed_one_by_one(exchange, market, placed):
    for _ in range(3):
        market.prints("sell", 1.99, 0.1)
    exchange.fetch_order(placed["id"], PAIR)
    return exchange.cancel_order_with_result(placed["id"], PAIR, 10)


def replaced_once_others_have_joined(exchange, market, placed):
    market.book([(1.99, 8)], [(2.00, 1e6)])
    exchange.cancel_order(placed["id"], PAIR)
    again = order(exchange, "buy", 10, 1.99)
    market.prints("sell", 1.99, 10)
    return exchange.fetch_order(again["id"], PAIR)


ROWS = {
    "bid 100, ask stands at 99.5 x 4": Row(
        lambda exchange: order(exchange, "buy", 10, 2.00),
        truth={"filled": 4, "average": 2.00, "remaining": 6, "status": "open", "fee": ("XRP", 0.004, 0.001)},
        stock={"filled": 10, "average": 2.00, "status": "closed"},
        asks=[(2.02, 1e6)],
        then=ask_stands_through_it,
    ),
    "0.3 ahead less three prints of 0.1": Row(
        lambda exchange: order(exchange, "buy", 10, 1.99),
        truth={"filled": 0, "average": None, "status": "canceled"},
        stock={"filled": 0, "status": "canceled"},
        bids=[(1.99, 0.3)],
        asks=[(2.00, 1e6)],
        then=three_tenths_printed_one_by_one,
    ),
    "limit buy replaced, 3 ahead then 8": Row(
        lambda exchange: order(exchange, "buy", 10, 1.99),
        truth={"filled": 2, "remaining": 8, "average": 1.99, "status": "open"},
        stock={"filled": 0, "status": "open"},
        bids=[(1.99, 3)],
        asks=[(2.00, 1e6)],
        then=replaced_once_others_have_joined,
    ),
    "limit buy 10 @102, asks 100x1 then 110": Row(
        lambda exchange: order(exchange, "buy", 10, 2.04),
        truth={"filled": 1, "average": 2.00, "remaining": 9, "status": "open", "price": 2.04},
        stock={"filled": 10, "average": 2.142, "status": "closed"},
        asks=[(2.00, 1), (2.20, 1e6)],
    ),
    "limit buy 10 @100.5, ask 100x1000": Row(
        lambda exchange: order(exchange, "buy", 10, 2.01),
        truth={"filled": 10, "average": 2.00, "status": "closed", "fee": ("XRP", 0.01, 0.001)},
        stock={"filled": 10, "average": 2.01},
        asks=[(2.00, 1000)],
    ),
    "limit buy 1000 @100, ask 100x1 then 105": Row(
        lambda exchange: order(exchange, "buy", 1000, 2.00),
        truth={"filled": 1, "remaining": 999, "status": "open"},
        stock={"filled": 1000, "average": 2.00, "status": "closed"},
        asks=[(2.00, 1), (2.10, 1e6)],
    ),
    "market buy 10, book holds 2": Row(
        lambda exchange: order(exchange, "buy", 10, 2.00, "market"),
        truth={"filled": 2, "average": 2.00, "remaining": 8, "status": "expired"},
        stock={"filled": 10, "status": "closed"},
        asks=[(2.00, 2)],
    ),
    "market buy 10, 100x1 then 200x100": Row(
        lambda exchange: order(exchange, "buy", 10, 2.00, "market"),
        truth={"filled": 10, "average": 3.80, "status": "closed"},
        stock={"filled": 10, "average": 2.10},
        asks=[(2.00, 1), (4.00, 100)],
    ),
    "same 5-lot bought twice, best level 100x5": Row(
        lambda exchange: order(exchange, "buy", 5, 2.00, "market"),
        truth={"filled": 5, "average": 2.02},
        stock={"filled": 5, "average": 2.00},
        asks=[(2.00, 5), (2.02, 1e6)],
        then=lambda exchange, market, placed: order(exchange, "buy", 5, 2.00, "market"),
    ),
    "stop-market sell 95, book gaps to 90": Row(
        lambda exchange: stop_market(exchange, 10, 1.90),
        truth={
            "filled": 10,
            "average": (6 * 1.80 + 4 * 1.78) / 10,
            "status": "closed",
            "fee": ("USDT", 0.001 * (6 * 1.80 + 4 * 1.78), 0.001),
        },
        stock={"filled": 10, "average": 1.90},
        bids=[(2.00, 1e6)],
        then=gap_to_90,
    ),
    "stop-limit sell 95/94.05, bid gaps to 90": Row(
        lambda exchange: stop_limit(exchange, 10, 1.90),
        truth={"filled": 0, "average": None, "status": "open", "price": 1.881, "stopPrice": 1.90},
        stock={"filled": 10, "average": 1.881, "status": "closed"},
        bids=[(2.00, 1e6)],
        then=gap_to_90,
    ),
    "stop sell 95, bid 90, ask 95.1, last trade 90": Row(
        lambda exchange: stop_market(exchange, 10, 1.90),
        truth={"filled": 10, "average": 1.80, "status": "closed"},
        stock={"filled": 0, "status": "open"},
        bids=[(2.00, 1e6)],
        then=last_trade_at_90_but_ask_above,
    ),
    "cancel after 4 of 10 filled": Row(
        lambda exchange: order(exchange, "buy", 10, 1.99),
        truth={"filled": 4, "remaining": 6, "average": 1.99, "status": "canceled"},
        stock={"filled": 0, "status": "canceled"},
        bids=[(1.99, 3)],
        asks=[(2.00, 1e6)],
        then=four_filled_then_canceled,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_fill_table_is_true_on_paper_and_not_on_stock(name, market, paper, stock):
    row = ROWS[name]
    for exchange, expected in ((paper, row.truth), (stock, row.stock)):
        market.book(row.bids, row.asks)
        market.prints("buy", 2.0, 1)
        answer = row.then(exchange, market, row.place(exchange))
        assert _of_interest(answer, expected) == expected
        parsed = Order.parse_from_ccxt_object(answer, PAIR, answer["side"])
        assert parsed.order_id == answer["id"]
        if exchange is paper:
            assert (parsed.safe_filled, parsed.status) == (answer["filled"], answer["status"])
            assert parsed.safe_remaining == pytest.approx(answer["remaining"])


def _of_interest(answer, expected):
    found = {}
    for name, value in expected.items():
        found[name] = answer[name]
        if name == "fee":
            found[name] = tuple(answer["fee"][part] for part in ("currency", "cost", "rate"))
            assert found[name][1:] == pytest.approx(value[1:], rel=1e-12)
            found[name] = value if found[name][0] == value[0] else found[name]
        elif isinstance(value, float):
            assert answer[name] == pytest.approx(value, rel=1e-12)
            found[name] = value
    return found


@pytest.mark.parametrize(
    ("time_in_force", "status", "filled"), [("GTC", "open", 4), ("IOC", "expired", 4), ("FOK", "expired", 0)]
)
def test_time_in_force_reaches_the_paper_exchange(time_in_force, status, filled, market, paper):
    market.book(asks=[(2.00, 4), (2.20, 1e6)])
    answer = order(paper, "buy", 10, 2.00, time_in_force=time_in_force)
    assert (answer["status"], answer["filled"]) == (status, filled)


def test_post_only_is_refused_where_it_would_take(market, paper):
    market.book(asks=[(2.00, 4)])
    with pytest.raises(InvalidOrderException, match=r"Post-only: limit 2.0 would take from 2.0"):
        order(paper, "buy", 10, 2.00, time_in_force="PO")
    assert order(paper, "buy", 10, 1.99, time_in_force="PO")["status"] == "open"


@pytest.mark.parametrize(
    ("side", "amount", "rate", "ordertype", "reason"),
    [
        ("buy", 1, 2.0, "market", r"Filter failure: NOTIONAL: notional .* < 5"),
        ("buy", 1, 2.0, "limit", r"Filter failure: NOTIONAL: notional 2 < 5"),
        ("buy", 0.4, 2.0, "limit", r"Filter failure: LOT_SIZE: amount 0 < 1"),
        ("buy", 0.4, 2.0, "market", r"Filter failure: LOT_SIZE: amount 0 < 1"),
        ("sell", 5e6, 2.0, "market", r"Filter failure: MARKET_LOT_SIZE: amount 5000000 > 4886361.72"),
        ("buy", 10, 40.0, "limit", r"Filter failure: PERCENT_PRICE_BY_SIDE: rate 40 > "),
        ("sell", 10, 0.1, "limit", r"Filter failure: PERCENT_PRICE_BY_SIDE: rate 0.1 < "),
    ],
)
def test_what_the_exchange_would_refuse_is_refused_by_name(
    side, amount, rate, ordertype, reason, market, paper
):
    with pytest.raises(InvalidOrderException, match=reason):
        order(paper, side, amount, rate, ordertype)


def test_a_buy_that_cannot_be_paid_raises_freqtrades_own_error(new_exchange, market):
    market.book(asks=[(2.00, 1e6)])
    paper = installed(new_exchange(dry_run_wallet=100))
    with pytest.raises(InsufficientFundsError, match=r"buy needs 102\.0+ USDT, free are 100\.0+"):
        order(paper, "buy", 51, 2.0, "market")
    order(paper, "buy", 40, 1.99)
    with pytest.raises(InsufficientFundsError, match=r"free are 20\.4"):
        order(paper, "buy", 20, 2.0, "market")


def test_a_stop_that_would_trigger_at_once_is_refused(market, paper):
    market.prints("sell", 1.80, 1)
    with pytest.raises(InvalidOrderException, match=r"Stop 1\.9 would trigger immediately: last rate 1\.8"):
        stop_limit(paper, 10, 1.90)


def test_every_fill_leaves_a_record_beside_what_stock_would_have_claimed(market, paper):
    market.book(asks=[(2.00, 1), (4.00, 100)])
    answer = order(paper, "buy", 10, 2.00, "market")
    record = paper.paper.fill_record(answer["id"])
    assert FillRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert (record.requested, record.filled, record.levels, record.worst) == (10, 10, 2, 4.0)
    assert (record.average, record.stock_average) == (pytest.approx(3.8), 2.1)
    assert record.slippage_bps == pytest.approx(9000)
    assert record.decision_ms < record.arrival_ms <= record.book_ms
    assert (record.fee_currency, record.fee_cost) == ("XRP", pytest.approx(0.01))
    assert paper.paper.fill_record("another") is None


def test_a_fetch_and_a_cancel_of_an_ended_order_change_nothing(market, paper):
    market.book(asks=[(2.00, 100)])
    placed = order(paper, "buy", 10, 2.00, "market")
    assert paper.fetch_order(placed["id"], PAIR) == placed
    assert paper.cancel_order(placed["id"], PAIR) == placed


def test_an_unknown_order_is_freqtrades_invalid_order(paper):
    with pytest.raises(InvalidOrderException, match="no dry-run order"):
        paper.fetch_order("dry_run_nobody", PAIR)


def test_install_touches_only_the_instance_and_twice_is_once(new_exchange):
    one, other = new_exchange(), new_exchange()
    methods = {name: getattr(type(other), name) for name in OVERRIDDEN}
    engine = install(one, Settings(feed=False))
    assert install(one, Settings(feed=False)) is engine
    assert isinstance(one, PaperExchange)
    assert isinstance(one, type(other))
    assert not isinstance(other, PaperExchange)
    assert {name: getattr(type(other), name) for name in OVERRIDDEN} == methods


@pytest.mark.parametrize("seam", [*OVERRIDDEN, *CALLED])
def test_install_refuses_a_seam_that_freqtrade_has_changed(seam, new_exchange, monkeypatch):
    exchange = new_exchange()
    stock = type(exchange)
    for owner in stock.__mro__:
        if seam in vars(owner):
            monkeypatch.setattr(owner, seam, lambda self, something_new: None)
    with pytest.raises(
        OperationalException, match=rf"does not fit.*Exchange\.{seam} takes \['something_new'\]"
    ):
        install(exchange, Settings(feed=False))
    assert type(exchange) is stock


def test_install_refuses_a_freqtrade_that_no_longer_has_what_is_overridden(new_exchange, monkeypatch):
    exchange = new_exchange()
    monkeypatch.delattr(Exchange, "_load_async_markets")
    with pytest.raises(OperationalException, match=r"Exchange\._load_async_markets is gone"):
        install(exchange, Settings(feed=False))


def test_every_method_overridden_is_checked():
    ours = {**vars(PaperMarketData), **vars(PaperExchange)}
    assert {name for name in ours if callable(getattr(Exchange, name, None))} - {
        "__init__",
        "__class__",
    } == set(OVERRIDDEN)


def test_a_newer_freqtrade_is_warned_of_and_runs(new_exchange, monkeypatch, caplog):
    monkeypatch.setattr(seams, "freqtrade_version", "2099.1")
    assert isinstance(installed(new_exchange()), PaperExchange)
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"freqtrade 2099.1 is newer than {seams.NEWEST_TRIED}")


def test_an_old_ccxt_has_no_feed_and_one_line_says_so(new_exchange, monkeypatch, caplog):
    monkeypatch.setattr(seams.ccxt, "__version__", "4.5.9")
    exchange = new_exchange()
    assert install(exchange, Settings(feed=True)) is exchange.paper
    assert exchange.feed is None
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"No live feed: ccxt 4.5.9 is older than {seams.CCXT_FLOOR}.")


@pytest.mark.parametrize("seam", STRATEGY)
def test_a_strategy_is_refused_where_freqtrade_no_longer_asks_it(seam, monkeypatch):
    """Without `ft_bot_start` paper orders would fill as in stock freqtrade, in silence."""
    managed = type("Managed", (Planned, ManagedStrategy), {})
    check_strategy(managed)
    monkeypatch.delattr(IStrategy, seam)
    with pytest.raises(OperationalException, match=rf"does not fit freqtrade_ext: IStrategy\.{seam} is gone"):
        check_strategy(managed)


def test_a_strategy_is_refused_where_freqtrade_asks_it_with_something_else(monkeypatch):
    monkeypatch.setattr(IStrategy, "analyze_pair", lambda self, something_new: None)
    with pytest.raises(OperationalException, match=r"IStrategy\.analyze_pair takes \['something_new'\]"):
        check_strategy(type("Managed", (Planned, ManagedStrategy), {}))


def test_what_a_users_strategy_has_of_its_own_is_not_refused():
    def analyze_pair(self, pair, and_more):
        raise NotImplementedError

    check_strategy(
        type("Mine", (PaperFills, type("Theirs", (IStrategy,), {"analyze_pair": analyze_pair})), {})
    )


def test_every_method_of_a_strategy_beyond_the_documented_callbacks_is_checked():
    ours = {name for kind in (PaperFills, ManagedStrategy, Prepared, Planned) for name in vars(kind)}
    internal = {name for name in ours if name.startswith(("ft_", "analyze", "advise", "gather", "should"))}
    assert internal == set(STRATEGY)
