"""Costs of market orders by pair, size, hour and volatility: worked by hand; files that are wrong."""

import json

import pytest

from freqtrade_ext.fills.costs import CostsError, PairCosts, interpolated, nearest, read_costs, symbol_of

COSTS = PairCosts(
    quote_volume_per_hour=1e6,
    half_spread_bps={"all": 4.0, "03": 6.0},
    range_percent=(0.2, 0.5),
    range_factor=(0.5, 1.0, 2.0),
    depth_bps={100.0: 1.0, 1000.0: 4.0},
    delay_bps=0.3,
)


@pytest.mark.parametrize(
    ("size", "hour", "range_percent", "follows", "bps"),
    [
        (100, 12, None, 0, 5.0),
        (100, 3, None, 0, 7.0),  # the hour's own spread
        (100, 3, 0.1, 0, 4.0),  # half of it in a calm market
        (100, 3, 0.2, 0, 7.0),
        (100, 12, 3.0, 0, 9.0),  # twice the spread in a wild one; depth stays
        (100, 12, None, 1, 5.3),  # a stop runs after the rate
        (100, 12, None, -1, 4.7),  # a target meets it
        (550, 12, None, 0, 6.5),
    ],
)
def test_cost_of_an_order(size, hour, range_percent, follows, bps):
    assert COSTS.bps(size, hour, range_percent, follows) == pytest.approx(bps)


@pytest.mark.parametrize(("size", "bps"), [(0, 0), (50, 0.5), (100, 1), (550, 2.5), (1000, 4), (4000, 14)])
def test_depth_between_and_beyond_the_sizes_seen(size, bps):
    assert interpolated(COSTS.depth_bps, size) == pytest.approx(bps)


def test_a_book_that_no_size_was_seen_in_adds_nothing():
    assert interpolated({}, 1000) == 0


@pytest.mark.parametrize(
    ("pair", "symbol"), [("BTC/USDT", "BTCUSDT"), ("BTC/USDT:USDT", "BTCUSDT"), ("btc-usdt", "BTCUSDT")]
)
def test_symbol(pair, symbol):
    assert symbol_of(pair) == symbol


@pytest.mark.parametrize(
    ("pair", "volume", "symbol"),
    [
        ("SOL/USDT", 5e6, "BTCUSDT"),
        ("SOL/USDT", 2e4, "NEXOUSDT"),
        ("SOL/USDT", 0, "NEXOUSDT"),
        ("SOL/BTC", 5e6, "ETHBTC"),  # volumes in BTC are no volumes in USDT
        ("SOL/EUR", 2e4, "NEXOUSDT"),  # no pair in EUR: any
    ],
)
def test_the_nearest_by_liquidity_stands_in(pair, volume, symbol):
    volumes = {"BTCUSDT": 1e7, "NEXOUSDT": 1e4, "ETHBTC": 3e2}
    costs = {
        name: PairCosts(quote_volume_per_hour=known, half_spread_bps={"all": 1.0})
        for name, known in volumes.items()
    }
    assert nearest(costs, pair, volume) == symbol


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"half_spread_bps": {"all": "x"}}, r"NEXOUSDT.half_spread_bps.all must be a number from 0, is 'x'"),
        ({"half_spread_bps": {"all": -1}}, r"NEXOUSDT.half_spread_bps.all must be a number from 0, is -1"),
        ({"half_spread_bps": {"03": 1}}, r"NEXOUSDT.half_spread_bps lacks all"),
        ({"depth_bps": {"-5": 1}}, r"NEXOUSDT.depth_bps: a size must be above 0, is -5"),
        (
            {"range_percent": [1]},
            r"NEXOUSDT.range_percent must rise and have one value less than range_factor",
        ),
        ({"delay_bps": float("nan")}, r"NEXOUSDT.delay_bps must be a number, is nan"),
    ],
)
def test_a_wrong_value_is_named_with_its_file(tmp_path, changes, message):
    file = tmp_path / "costs.json"
    stored = {"quote_volume_per_hour": 1, "half_spread_bps": {"all": 1}}
    file.write_text(json.dumps({"pairs": {"NEXOUSDT": {**stored, **changes}}}))
    with pytest.raises(CostsError, match=rf"costs.json: {message}"):
        read_costs(file)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pairs": {}}', '{"pairs": [1]}', '{"pairs": {"A": 1}}']
)
def test_a_file_that_holds_no_costs_is_refused(tmp_path, text):
    file = tmp_path / "costs.json"
    file.write_text(text)
    with pytest.raises(CostsError, match=r"costs.json"):
        read_costs(file)


def test_a_file_that_is_not_there_is_named_with_what_makes_it(tmp_path):
    with pytest.raises(CostsError, match=r"no.json: No such file .*`freqtrade-ext costs` makes it"):
        read_costs(tmp_path / "no.json")
