"""What market orders cost, charged in real backtests and hyperopt."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade
from pandas import DataFrame

from freqtrade_ext.fills.costs import PairCosts
from freqtrade_ext.strategy.charges import Charges
from freqtrade_ext.tags import STOPS, stage_of, tag_of
from tests.bot_process import ROOT
from tests.strategy.test_position import add_order, new_trade
from tests.strategy.test_tuning import epochs

pytestmark = pytest.mark.timeout(300)

DAYS = "20230301-20230310"
FEE = 0.001
FLAT = {
    "quote_volume_per_hour": 1e8,
    "half_spread_bps": {"all": 3.0},
    "depth_bps": {"100": 1.0, "1000": 10.0},
    "delay_bps": 0.5,
}
MARKET = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}


@pytest.fixture
def costs(tmp_path):
    """Write a file of costs and return its path."""

    def write(**pairs):
        file = tmp_path / "costs.json"
        file.write_text(json.dumps({"pairs": pairs}))
        return str(file)

    return write


def sides(trade):
    """Fills of a trade: entries, exits."""
    entries = [o for o in trade.orders if o.ft_order_side == trade.entry_side and o.safe_filled]
    return entries, [o for o in trade.orders if o.ft_order_side != trade.entry_side and o.safe_filled]


def value(order):
    return order.safe_filled * order.safe_price


def cost_of(orders):
    """By FLAT, in quote units: 3 bps and, up to 100, one more in proportion to the size, 9 up to 1000."""

    def bps(order):
        size, tag = value(order), tag_of(order.ft_order_tag)
        depth = size / 100 if size <= 100 else 1 + (size - 100) / 100
        return 3 + depth + 0.5 * ((tag in STOPS) - (stage_of(tag) > 0 or tag == "roi"))

    return sum(value(order) * bps(order) / 1e4 for order in orders)


def check_charges(trades):
    """Each trade pays, beside fees, what its fills cost, and freqtrade's profit is without it."""
    for trade in trades:
        entries, exits = sides(trade)
        for orders, fee in ((entries, trade.fee_open), (exits, trade.fee_close)):
            assert (fee - FEE) * sum(map(value, orders)) == pytest.approx(cost_of(orders), rel=1e-9)
        fees = FEE * sum(map(value, entries + exits))
        moved = sum(map(value, exits)) - sum(map(value, entries))
        assert trade.close_profit_abs == pytest.approx(moved - fees - cost_of(entries + exits), abs=1e-6)


def test_a_managed_trade_pays_at_each_target_and_stop(backtest, costs):
    backtest(fee=FEE, freqtrade_ext={"backtest_costs": costs(BTCUSDT=FLAT)})
    trades = list(LocalTrade.bt_trades)
    check_charges(trades)
    tags = {tag_of(order.ft_order_tag) for trade in trades for order in trade.orders}
    assert {"tp1", "stop_loss"} <= tags
    assert any(len(sides(trade)[1]) > 2 for trade in trades)


def test_a_strategy_as_it_is_pays_for_each_further_entry(backtest, costs, tmp_path):
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path / "strategies")
    backtest(
        "Paper",
        timerange="20230301-20230304",
        timeframe="5m",
        fee=FEE,
        order_types=MARKET,
        freqtrade_ext={"strategy": "Averaging", "backtest_costs": costs(BTCUSDT=FLAT)},
    )
    trades = list(LocalTrade.bt_trades)
    check_charges(trades)
    assert any(len(sides(trade)[0]) > 2 for trade in trades)


def test_a_strategy_with_an_order_filled_of_its_own_pays_and_is_asked(backtest, costs):
    backtest(
        "Deaf",
        timerange="20230301-20230304",
        folder="tests/strategies",
        fee=FEE,
        freqtrade_ext={"backtest_costs": costs(BTCUSDT=FLAT)},
    )
    trades = list(LocalTrade.bt_trades)
    check_charges(trades)
    assert all(trade.get_custom_data("filled") == len(trade.orders) for trade in trades)


@pytest.mark.parametrize(("price_side", "bps"), [("same", 0.0), ("other", 3.0)])
def test_limit_orders_pay_nothing_or_half_the_spread_where_they_cross_it(backtest, costs, price_side, bps):
    pricing = {"price_side": price_side, "use_order_book": True, "order_book_top": 1}
    backtest(
        timerange=DAYS,
        fee=FEE,
        order_types={"entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": False},
        entry_pricing=pricing,
        exit_pricing=pricing,
        freqtrade_ext={"backtest_costs": costs(BTCUSDT=FLAT)},
    )
    assert LocalTrade.bt_trades
    for trade in LocalTrade.bt_trades:
        assert (trade.fee_open, trade.fee_close) == pytest.approx((FEE + bps / 1e4, FEE + bps / 1e4))


def test_the_hour_and_the_range_of_the_last_15_minutes_count(backtest, costs):
    by_hour = {f"{hour:02}": 1.0 + hour for hour in range(24)}
    dear = {"half_spread_bps": {"all": 99.0, **by_hour}, "range_percent": [0.5], "range_factor": [1.0, 10.0]}
    found = backtest(
        timerange=DAYS,
        fee=FEE,
        freqtrade_ext={"backtest_costs": costs(BTCUSDT={**FLAT, "depth_bps": {}, "delay_bps": 0, **dear})},
    )
    factors = set()
    candles = found.strategy.dp.get_pair_dataframe("BTC/USDT", "5m").set_index("date")
    for trade in LocalTrade.bt_trades:
        opened = trade.open_date_utc
        before = candles[candles.index < opened].iloc[-3:]
        factor = 10.0 if before["high"].max() / before["low"].min() - 1 >= 0.005 else 1.0
        assert trade.fee_open == pytest.approx(FEE + (1 + opened.hour) * factor / 1e4)
        factors.add(factor)
    assert factors == {1.0, 10.0}


def test_a_pair_without_data_pays_as_the_nearest_by_liquidity_which_is_said_once(backtest, costs, caplog):
    thin = {"quote_volume_per_hour": 1e4, "half_spread_bps": {"all": 50.0}}
    backtest(timerange=DAYS, fee=FEE, freqtrade_ext={"backtest_costs": costs(NEXOUSDT=thin, ETHUSDT=FLAT)})
    check_charges(LocalTrade.bt_trades)
    said = [r.message for r in caplog.records if "has none of it" in r.message]
    assert len(said) == 1
    assert said[0].startswith("BTC/USDT: backtest_costs has none of it, it pays as ETHUSDT, the nearest")


def test_true_names_the_file_in_the_user_directory(backtest, costs):
    costs(BTCUSDT=FLAT)  # the backtest's user directory is the same folder
    backtest(timerange=DAYS, fee=FEE, freqtrade_ext={"backtest_costs": True})
    check_charges(LocalTrade.bt_trades)


def test_a_file_that_is_not_there_stops_the_backtest(backtest):
    with pytest.raises(OperationalException, match=r"freqtrade_ext.backtest_costs: no.json: No such file"):
        backtest(freqtrade_ext={"backtest_costs": "no.json"})


def test_hyperopt_charges_each_epoch(overlay, candles, backtest, costs, tmp_path):
    settings = {"backtest_costs": costs(BTCUSDT=FLAT)}
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "strategies" / "breakout.py", tmp_path / "strategies")
    config = {"exchange": {**overlay["exchange"], "pair_whitelist": ["BTC/USDT"]}, "fee": FEE}
    (tmp_path / "markets.json").write_text(json.dumps({**config, "freqtrade_ext": settings}))
    command = [sys.executable, "-m", "freqtrade", "hyperopt", "--strategy", "BreakoutStrategy"]
    command += ["--config", "config.json", "--config", str(tmp_path / "markets.json")]
    command += ["--userdir", str(tmp_path), "--strategy-path", str(tmp_path / "strategies")]
    command += ["--datadir", str(candles), "--hyperopt-loss", "OnlyProfitHyperOptLoss", "--spaces", "stops"]
    command += ["--epochs", "2", "--random-state", "3", "--job-workers", "2", "--timerange", DAYS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    best = max(epochs(tmp_path))
    # with what hyperopt has found, which lies beside the strategy
    backtest(timerange=DAYS, fee=FEE, folder=str(tmp_path / "strategies"), freqtrade_ext=settings)
    check_charges(LocalTrade.bt_trades)
    assert sum(trade.close_profit_abs for trade in LocalTrade.bt_trades) == pytest.approx(best)


def charged(exit_type="market", price_side="same", **pairs):
    """Charges of a strategy of plain values, whose own callback is asked; 15 minutes without a range."""
    candles = DataFrame(
        {"high": [9.0, 2.0, 2.0, 2.0], "low": [1.0, 2.0, 2.0, 2.0], "close": 2.0, "volume": 3.0}
    )
    asked = []
    strategy = SimpleNamespace(
        timeframe="5m",
        dp=SimpleNamespace(get_analyzed_dataframe=lambda *_: (candles, None)),
        order_types={"entry": "market", "exit": exit_type, "stoploss": "market"},
        config={"exit_pricing": {"price_side": price_side}, "entry_pricing": {"price_side": "same"}},
        order_filled=lambda **given: asked.append(given["order"]),
    )
    return Charges(strategy, pairs or {"BTCUSDT": COSTS}), asked


COSTS = PairCosts(
    quote_volume_per_hour=1e8,
    half_spread_bps={"all": 3.0},
    depth_bps={100.0: 1.0, 1000.0: 10.0},
    range_percent=(0.5,),
    range_factor=(1.0, 10.0),
    delay_bps=0.5,
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def filled(charges, trade, order):
    charges.order_filled(trade.pair, trade, order, NOON)


def test_each_side_pays_the_mean_of_its_fills_and_an_exit_that_is_to_come_is_charged_already():
    charges, asked = charged()
    trade = new_trade(rate=100.0, amount=1.0)
    filled(charges, trade, trade.orders[0])
    # 3 of the spread and 1 for 100 quote units
    assert (trade.fee_open, trade.fee_close) == pytest.approx((FEE + 4e-4, FEE + 4e-4))
    assert trade.open_trade_value == pytest.approx(100 * (1 + trade.fee_open))
    filled(charges, trade, add_order(trade, "buy", 1.0, 50.0))
    assert trade.fee_open == pytest.approx(FEE + (100 * 4 + 50 * 3.5) / 150 / 1e4)
    filled(charges, trade, add_order(trade, "sell", 1.0, 100.0, "tp1 | slippage"))
    # what sells into a rise gains by the delay
    assert trade.fee_close == pytest.approx(FEE + 3.5e-4)
    entered = trade.fee_open
    filled(charges, trade, add_order(trade, "buy", 1.0, 50.0))
    assert trade.fee_open != entered
    assert trade.fee_close == pytest.approx(FEE + 3.5e-4), "what an exit has cost is known by then"
    assert asked == trade.orders


@pytest.mark.parametrize(
    ("tag", "bps"),
    [("tp2", 3.5), ("roi", 3.5), ("stop_loss", 4.5), ("liquidation", 4.5), ("exit_signal", 4.0)],
)
def test_a_stop_follows_the_move_and_a_target_goes_against_it(tag, bps):
    charges, _ = charged()
    trade = new_trade(rate=100.0, amount=2.0)
    filled(charges, trade, trade.orders[0])
    filled(charges, trade, add_order(trade, "sell", 1.0, 100.0, tag))
    assert trade.fee_close == pytest.approx(FEE + bps / 1e4)


@pytest.mark.parametrize(
    ("price_side", "is_short", "bps"),
    [("same", False, 0), ("other", False, 3), ("bid", False, 3), ("ask", False, 0), ("ask", True, 3)],
)
def test_a_limit_order_pays_half_the_spread_where_it_crosses_and_a_liquidation_takes(
    price_side, is_short, bps
):
    charges, _ = charged("limit", price_side)
    trade = new_trade(rate=100.0, amount=2.0, is_short=is_short)
    filled(charges, trade, trade.orders[0])
    filled(charges, trade, add_order(trade, trade.exit_side, 1.0, 100.0, "exit_signal"))
    assert trade.fee_close == pytest.approx(FEE + bps / 1e4)
    other = new_trade(rate=100.0, amount=1.0)
    filled(charges, other, other.orders[0])
    filled(charges, other, add_order(other, "sell", 1.0, 100.0, "liquidation"))
    assert other.fee_close == pytest.approx(FEE + 4.5e-4)


def test_a_pair_that_is_not_known_pays_as_the_nearest_by_its_volume_an_hour(caplog):
    # 3 coins of 2 in five minutes are 72 an hour
    thin, wide = (replace(COSTS, quote_volume_per_hour=volume) for volume in (70.0, 80.0))
    charges, _ = charged(AAAUSDT=thin, BBBUSDT=wide)
    trade = new_trade(rate=100.0, amount=1.0)
    filled(charges, trade, trade.orders[0])
    filled(charges, trade, add_order(trade, "buy", 1.0, 100.0))
    assert len(caplog.records) == 1
    assert caplog.text.strip().endswith("it pays as AAAUSDT, the nearest by volume (72 and 70 an hour)")
