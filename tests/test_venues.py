"""
The engine on other venues: their overlays, and ccxt's own parsing of the answers that they document.

No network: the one method of ccxt that sends requests answers from a table. The answers are the documented
examples of each API, with the numbers of one instrument; books and trades are short, to be walked by hand.
"""

import json
import time
from datetime import UTC, datetime

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.exceptions import InvalidOrderException
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT
from tests.futures import BTCUSDT

NOW_MS = str(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000))
OVERLAYS = ("binance_futures", "bybit", "okx", "hyperliquid")

BINANCE_FUTURES = {
    "fapi/v1/exchangeInfo": {"timezone": "UTC", "serverTime": 1, "symbols": [BTCUSDT]},
    "fapi/v1/depth": {
        "lastUpdateId": 1,
        "E": 1,
        "T": 1,
        "bids": [["99990.0", "0.500"], ["99980.0", "2.000"]],
        "asks": [["100000.0", "0.002"], ["100010.0", "0.300"]],
    },
    "fapi/v1/aggTrades": [
        {"a": 26129, "p": "100000.0", "q": "0.010", "f": 1, "l": 1, "T": 1767225600000, "m": False}
    ],
}
BYBIT = {
    "market/instruments-info": {
        "retCode": 0,
        "result": {
            "category": "spot",
            "list": [
                {
                    "symbol": "BTCUSDT",
                    "baseCoin": "BTC",
                    "quoteCoin": "USDT",
                    "innovation": "0",
                    "status": "Trading",
                    "marginTrading": "both",
                    "lotSizeFilter": {
                        "basePrecision": "0.000001",
                        "quotePrecision": "0.00000001",
                        "minOrderQty": "0.00004",
                        "maxOrderQty": "63.01197227",
                        "minOrderAmt": "5",
                        "maxOrderAmt": "100000",
                    },
                    "priceFilter": {"tickSize": "0.01"},
                }
            ],
        },
    },
    "market/orderbook": {
        "retCode": 0,
        "result": {
            "s": "BTCUSDT",
            "a": [["100000.00", "0.001"], ["100010.00", "0.3"]],
            "b": [["99990.00", "0.5"], ["99980.00", "2"]],
            "ts": 1767225600000,
            "u": 230704,
        },
    },
    "market/recent-trade": {
        "retCode": 0,
        "result": {
            "category": "spot",
            "list": [
                {
                    "execId": "2100000000007764263",
                    "symbol": "BTCUSDT",
                    "price": "100000.00",
                    "size": "0.010",
                    "side": "Buy",
                    "time": "1767225600000",
                    "isBlockTrade": False,
                }
            ],
        },
    },
}
OKX_SWAP = {
    "price-limit": {
        "code": "0",
        "data": [{"instId": "BTC-USDT-SWAP", "buyLmt": "102000", "sellLmt": "98000", "enabled": True}],
    },
    "instType=SWAP": {
        "code": "0",
        "data": [
            {
                "alias": "",
                "baseCcy": "",
                "category": "1",
                "ctMult": "1",
                "ctType": "linear",
                "ctVal": "0.01",
                "ctValCcy": "BTC",
                "expTime": "",
                "instFamily": "BTC-USDT",
                "instId": "BTC-USDT-SWAP",
                "instType": "SWAP",
                "lever": "100",
                "listTime": "1606468572000",
                "lotSz": "0.01",
                "minSz": "0.01",
                "maxMktSz": "12000",
                "maxLmtSz": "100000000",
                "optType": "",
                "quoteCcy": "",
                "settleCcy": "USDT",
                "state": "live",
                "stk": "",
                "tickSz": "0.1",
                "uly": "BTC-USDT",
            }
        ],
    },
    "market/books": {
        "code": "0",
        "data": [
            {
                # in contracts of 0.01 BTC
                "asks": [["100000", "0.2", "0", "2"], ["100010", "30", "0", "1"]],
                "bids": [["99990", "50", "0", "2"], ["99980", "200", "0", "2"]],
                "ts": NOW_MS,
            }
        ],
    },
    "market/trades": {
        "code": "0",
        "data": [
            {
                "instId": "BTC-USDT-SWAP",
                "side": "buy",
                "sz": "1",
                "px": "100000",
                "tradeId": "1",
                "ts": "1767225600000",
            }
        ],
    },
}
HYPERLIQUID = {
    "spotMeta": {
        "tokens": [
            {
                "name": "USDC",
                "szDecimals": 8,
                "weiDecimals": 8,
                "index": 0,
                "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
                "isCanonical": True,
            }
        ],
        "universe": [],
    },
    "metaAndAssetCtxs": [
        {"universe": [{"maxLeverage": 50, "name": "BTC", "onlyIsolated": False, "szDecimals": 5}]},
        [
            {
                "dayNtlVlm": "9450588.2273",
                "funding": "0.0000198",
                "impactPxs": ["99999", "100001"],
                "markPx": "100000.0",
                "midPx": "100000.5",
                "openInterest": "10764.48",
                "oraclePx": "100000.0",
                "premium": "0.0005",
                "prevDayPx": "100100.0",
            }
        ],
    ],
    "l2Book": {
        "coin": "BTC",
        "levels": [
            [{"n": "2", "px": "99990", "sz": "0.5"}, {"n": "2", "px": "99980", "sz": "2"}],
            [{"n": "1", "px": "100000", "sz": "0.002"}, {"n": "1", "px": "100010", "sz": "0.3"}],
        ],
        "time": NOW_MS,
    },
}


HYPERLIQUID["recentTrades"] = [
    {
        "coin": "BTC",
        "side": "B",
        "px": "100000",
        "sz": "0.01",
        "time": 1767225600000,
        "hash": "0x0",
        "tid": 118906512037719,
    }
]


def answering(answers):
    """Answer a request from the table: by a part of its url or body."""

    def fetch(url, method="GET", headers=None, body=None):
        for part, answer in answers.items():
            if part in url or part in (body or ""):
                return json.loads(json.dumps(answer))
        raise AssertionError(f"no answer to {method} {url} {body}")

    return fetch


@pytest.fixture
def load(tmp_path):
    """Load freqtrade's exchange with an overlay, and its markets as ccxt parses them."""

    def load(overlay, answers, market_type, **changes):
        own = tmp_path / "own.json"
        own.write_text(json.dumps(changes))
        files = [ROOT / "config.json", ROOT / "user_data" / f"{overlay}.json", own]
        arguments = {"config": [str(file) for file in files], "user_data_dir": str(tmp_path)}
        config = Configuration(arguments, RunMode.DRY_RUN).get_config()
        exchange = ExchangeResolver.load_exchange(config, validate=False)
        api = exchange._api
        api.fetch = answering(answers)
        api.options["fetchMarkets"] = {"types": [market_type]}
        exchange._markets = {
            symbol: market for symbol, market in api.load_markets().items() if market["active"] is not False
        }
        return exchange

    return load


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_a_valid_configuration(overlay, tmp_path):
    files = [str(ROOT / "config.json"), str(ROOT / "user_data" / f"{overlay}.json")]
    arguments = {"config": files, "user_data_dir": str(tmp_path), "strategy": "BreakoutStrategy"}
    config = Configuration(arguments, RunMode.DRY_RUN).get_config()
    assert config["exchange"]["name"] == overlay.partition("_")[0]
    settle = f":{config['stake_currency']}" if config["trading_mode"] == "futures" else ""
    quotes = {pair.partition("/")[2] for pair in config["exchange"]["pair_whitelist"]}
    assert quotes == {config["stake_currency"] + settle}


ISOLATED = {"trading_mode": "futures", "margin_mode": "isolated"}
# overlay, answers, ccxt's market type, pair, changes
ON_BINANCE = ("binance_futures", BINANCE_FUTURES, "linear", "BTC/USDT:USDT", {})
ON_BYBIT = ("bybit", BYBIT, "spot", "BTC/USDT", {})
ON_OKX = ("okx", OKX_SWAP, "swap", "BTC/USDT:USDT", ISOLATED)
ON_HYPERLIQUID = ("hyperliquid", HYPERLIQUID, "swap", "BTC/USDC:USDC", {})
# the same, taker fee, base units of a contract
VENUES = [
    pytest.param(*ON_BINANCE, 0.0005, 1.0, id="binance"),
    pytest.param(*ON_BYBIT, 0.001, 1.0, id="bybit"),
    pytest.param(*ON_OKX, 0.0005, 0.01, id="okx"),
    pytest.param(*ON_HYPERLIQUID, 0.00045, 1.0, id="hyperliquid"),
]


@pytest.mark.parametrize(("overlay", "answers", "kind", "pair", "changes", "taker", "contract_size"), VENUES)
def test_book_rules_and_fees_are_the_venue_s(
    load, overlay, answers, kind, pair, changes, taker, contract_size
):
    exchange = load(overlay, answers, kind, **changes)
    venue = Venue(exchange)
    book = venue.book(pair, venue.depths[0])
    first = 0.001 if overlay == "bybit" else 0.002
    assert book.asks == [(100_000.0, pytest.approx(first)), (100_010.0, pytest.approx(0.3))]
    assert book.bids == [(99_990.0, pytest.approx(0.5)), (99_980.0, pytest.approx(2.0))]
    rules = venue.rules(pair)
    assert rules.contract_size == contract_size
    assert rules.taker == pytest.approx(taker)
    assert 0 <= rules.maker <= rules.taker


@pytest.mark.parametrize(("overlay", "answers", "kind", "pair", "changes", "taker", "contract_size"), VENUES)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_market_order_walks_the_venue_s_book(
    load, overlay, answers, kind, pair, changes, taker, contract_size, side
):
    exchange = load(overlay, answers, kind, **changes, dry_run_wallet=1_000_000)
    paper = install(exchange, Settings(latency_ms=(0.0, 0.0), feed=False, seed=1))
    amount = 0.004
    if side == "sell" and overlay == "bybit":
        # what is not there cannot be sold on spot
        exchange.create_order(
            pair=pair, ordertype="market", side="buy", amount=0.01, rate=100_000.0, leverage=1.0
        )
    order = exchange.create_order(
        pair=pair, ordertype="market", side=side, amount=amount, rate=100_000.0, leverage=1.0
    )
    record = paper.fill_record(order["id"])
    best = 0.001 if overlay == "bybit" else 0.002
    cost = best * 100_000 + (amount - best) * 100_010 if side == "buy" else amount * 99_990
    assert record.status == "closed"
    assert record.filled == pytest.approx(amount)
    assert record.average * record.filled == pytest.approx(cost)
    assert record.fee_rate == pytest.approx(taker)


@pytest.mark.parametrize(
    ("overlay", "answers", "kind", "pair", "changes", "amount"),
    [(*ON_BINANCE, 0.0009), (*ON_BYBIT, 0.00004), (*ON_HYPERLIQUID, 0.00005)],
)
def test_order_below_the_venue_s_minimum_is_rejected(load, overlay, answers, kind, pair, changes, amount):
    """Bybit demands 5 USDT, Hyperliquid 10 USDC, Binance futures 0.001 BTC and 100 USDT."""
    exchange = load(overlay, answers, kind, **changes)
    install(exchange, Settings(latency_ms=(0.0, 0.0), feed=False))
    with pytest.raises(InvalidOrderException, match="Filter failure"):
        exchange.create_order(
            pair=pair, ordertype="market", side="buy", amount=amount, rate=100_000.0, leverage=1.0
        )


@pytest.mark.parametrize("venue", [ON_BINANCE, ON_BYBIT, ON_OKX, ON_HYPERLIQUID])
def test_prints_are_in_base_units(load, venue):
    overlay, answers, kind, pair, changes = venue
    (print_,), _ = Venue(load(overlay, answers, kind, **changes)).prints(pair, None)
    assert (print_.rate, print_.amount, print_.side) == (100_000.0, pytest.approx(0.01), "buy")


@pytest.mark.parametrize(
    ("overlay", "answers", "kind", "pair", "changes", "most"),
    [(*ON_BINANCE, 1000), (*ON_BYBIT, 60), (*ON_OKX, 500)],
)
def test_no_request_asks_for_more_prints_than_the_venue_allows(
    load, overlay, answers, kind, pair, changes, most
):
    exchange = load(overlay, answers, kind, **changes)
    urls, fetch = [], exchange._api.fetch
    exchange._api.fetch = lambda url, *rest: urls.append(url) or fetch(url, *rest)
    Venue(exchange).prints(pair, Cursor(int(time.time() * 1000) - 1000, ()))
    assert f"limit={most}" in urls[-1]
