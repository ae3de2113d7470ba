"""Shorts and leverage: real backtests on recorded candles, as if they were those of a perpetual future."""

import json
import shutil

import pandas as pd
import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade

from benchmarks.backtests import ROOT, run_backtest
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy.market_facts import check_liquidation
from tests.futures import load_futures

pytestmark = pytest.mark.timeout(300)

PAIR = "BTC/USDT:USDT"
FUTURES = {
    "trading_mode": "futures",
    "margin_mode": "isolated",
    "exchange": {"name": "binance", "pair_whitelist": [PAIR]},
}
FEE = 0.0005


@pytest.fixture(scope="module")
def perpetual(candles, tmp_path_factory):
    """The recorded candles under the names of a future's, with mark candles and without funding fees."""
    folder = tmp_path_factory.mktemp("perpetual") / "futures"
    folder.mkdir()
    for timeframe in ("5m", "1h"):
        shutil.copy(
            candles / f"BTC_USDT-{timeframe}.feather", folder / f"BTC_USDT_USDT-{timeframe}-futures.feather"
        )
    hours = pd.read_feather(candles / "BTC_USDT-1h.feather")
    hours.to_feather(folder / "BTC_USDT_USDT-1h-mark.feather")
    rates = hours.assign(open=0.0, high=0.0, low=0.0, close=0.0, volume=0.0)
    rates.to_feather(folder / "BTC_USDT_USDT-1h-funding_rate.feather")
    return folder.parent


@pytest.fixture
def run(perpetual, tmp_path):
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path / "strategies")

    def run(strategy="Managed", timerange="20230301-20230310", **changes):
        changes = {"freqtrade_ext": {"strategy": "Falling"}, "dry_run_wallet": 500, "fee": FEE, **changes}
        return run_backtest(
            tmp_path,
            strategy,
            timerange,
            perpetual,
            load_exchange=load_futures,
            **FUTURES,
            **changes,
        )

    yield run
    Backtesting.cleanup()


def test_shorts_mirror_longs_to_the_cent(run):
    run()
    shorts = LocalTrade.bt_trades
    assert shorts
    assert {"tp3", "stop_loss"} <= {trade.exit_reason for trade in shorts}
    for trade in shorts:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        entry, *exits = trade.orders
        assert trade.is_short
        assert (entry.side, {order.side for order in exits}) == ("sell", {"buy"})
        rate = entry.average
        assert plan.stop_rate == pytest.approx(rate * (1 + plan.stop_percent / 100), abs=0.051)
        for target, percent in zip(plan.target_rates, plan.target_percents, strict=True):
            assert target == pytest.approx(rate * (1 - percent / 100), abs=0.051)
        for order in exits:
            if order.ft_order_tag.startswith("tp"):
                assert order.average <= plan.target_rates[int(order.ft_order_tag[2]) - 1]
            if order.ft_order_tag == "stop_loss":
                assert order.average >= trade.stop_loss
        earned = sum(order.filled * (rate * (1 - FEE) - order.average * (1 + FEE)) for order in exits)
        assert trade.close_profit_abs == pytest.approx(earned, abs=0.01)


def test_shorts_pay_what_the_books_charge(run, tmp_path):
    costs = tmp_path / "costs.json"
    costs.write_text(json.dumps({"pairs": {"BTCUSDT": {"half_spread_bps": {"all": 4}}}}))
    run(freqtrade_ext={"strategy": "Falling", "backtest_costs": str(costs)})
    assert LocalTrade.bt_trades
    charged = FEE + 4 / 1e4
    for trade in LocalTrade.bt_trades:
        assert (trade.fee_open, trade.fee_close) == pytest.approx((charged, charged))
        entry, *exits = trade.orders
        earned = sum(o.filled * (entry.average * (1 - charged) - o.average * (1 + charged)) for o in exits)
        assert trade.close_profit_abs == pytest.approx(earned, abs=0.01)


def test_stake_is_the_margin(run):
    """500 / 3 less a tenth is 150 of margin, three times that in BTC, in lots of 0.001."""
    run(timerange="20230301-20230303")
    trade = LocalTrade.bt_trades[0]
    assert trade.leverage == 3
    assert trade.orders[0].filled == pytest.approx(450 / trade.open_rate, abs=0.001)
    assert trade.orders[0].filled * 1000 == pytest.approx(round(trade.orders[0].filled * 1000))


def test_shipped_strategies_go_short(run):
    run("AdaptiveSynergy", timerange="20230120-20230401", freqtrade_ext={})
    assert {trade.is_short for trade in LocalTrade.bt_trades} == {True, False}


@pytest.fixture
def exchange(tmp_path):
    (tmp_path / "o.json").write_text(json.dumps(FUTURES))
    files = [str(ROOT / "config.json"), str(tmp_path / "o.json")]
    config = Configuration({"config": files, "user_data_dir": str(tmp_path)}, RunMode.BACKTEST).get_config()
    return load_futures(config)


def plan(stop_percent, is_short):
    sign = -1 if is_short else 1
    return Plan(
        is_short=is_short,
        entry_rate=100_000.0,
        stop_rate=100_000.0 - sign * stop_percent * 1000,
        target_rates=tuple(100_000.0 + sign * step for step in (2000, 4000, 8000)),
        shares=(25.0, 30.0, 45.0),
        stop_percent=stop_percent,
        target_percents=(2.0, 4.0, 8.0),
        reasons=("", "", ""),
    )


# margin 150 at 20x is 3000 of BTC, 0.03: maintenance 0.4 % and nothing to deduct in the first tier.
# long: (150 - 3000) / (0.03 * (0.004 - 1)) = 95,381.53, 5 % back to the entry 95,612.45: 4.39 % away
# short: (150 + 3000) / (0.03 * (0.004 + 1)) = 104,581.67, back 104,352.59: 4.35 % away
@pytest.mark.parametrize(
    ("is_short", "inside", "outside", "rate"),
    [(False, 4.38, 4.39, "95,612.45"), (True, 4.35, 4.36, "104,352.59")],
)
def test_stop_must_lie_before_the_liquidation(exchange, is_short, inside, outside, rate):
    check_liquidation(exchange, PAIR, plan(inside, is_short), 150, 20)
    with pytest.raises(NoTrade, match=rf"lies beyond the liquidation at {rate} with leverage 20"):
        check_liquidation(exchange, PAIR, plan(outside, is_short), 150, 20)


def test_position_that_would_be_liquidated_first_is_not_opened(run):
    """At 100x the liquidation is less than 0.6 % away, the stops of these days are further."""
    run(timerange="20230301-20230303", freqtrade_ext={"strategy": "Reckless"})
    assert LocalTrade.bt_trades == []
