"""Strategies of other people exactly as they are, with true fills: `--strategy Paper` and `PaperFills`."""

import inspect
import json
import shutil

import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import IStrategy

from freqtrade_ext import ManagedStrategy, PaperFills
from freqtrade_ext.strategy.wrap import with_paper_fills
from tests.bot_process import ROOT, Bot, running_bot, running_market
from tests.strategies import wild

pytestmark = pytest.mark.timeout(300)

OURS = {"ft_bot_start", "get_strategy_name"}
THEIRS = [
    kind
    for _, kind in inspect.getmembers(wild, inspect.isclass)
    if issubclass(kind, IStrategy) and kind is not IStrategy
]
OF_A_CLASS = {"__module__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__annotations__"}


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda kind: kind.__name__)
def test_every_attribute_and_callback_is_that_of_the_plain_strategy(theirs, tmp_path):
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path)
    config = {
        "user_data_dir": tmp_path,
        "strategy_path": tmp_path,
        "freqtrade_ext": {"strategy": theirs.__name__},
    }
    found = with_paper_fills(config)
    plain = found.__mro__[2]
    assert found.__name__ == plain.__name__ == theirs.__name__
    assert set(dir(found)) == set(dir(plain))
    changed = {name for name in dir(plain) if getattr(found, name) is not getattr(plain, name)}
    # bound to the class, so another object each time
    changed = {name for name in changed if not inspect.ismethod(getattr(plain, name))}
    assert {name for name in changed if not name.startswith("__")} - OF_A_CLASS == OURS


@pytest.fixture
def strategies(tmp_path):
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path / "strategies")


def trades():
    assert LocalTrade.bt_trades
    return [
        (t.open_date, t.close_date, t.close_profit_abs, t.exit_reason, [o.ft_order_tag for o in t.orders])
        for t in LocalTrade.bt_trades
    ]


@pytest.mark.parametrize("name", ["Averaging", "OwnStop", "Leaving", "Ladder", "OldInterface"])
def test_backtest_is_that_of_the_plain_strategy(backtest, strategies, name):
    timerange = "20230301-20230304"
    backtest(name, timerange=timerange, timeframe="5m")
    plain = trades()
    backtest("Paper", timerange=timerange, timeframe="5m", freqtrade_ext={"strategy": name})
    assert trades() == plain


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NoStrategy", "NoStrategy is no freqtrade strategy, .* use --strategy Managed"),
        ("Nobody", "no file in .* defines this class"),
        ("Paper", "must name the strategy that Paper wraps, is Paper"),
        (None, "must name the strategy that Paper wraps, is not set"),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(backtest, strategies, name, reason):
    with pytest.raises(OperationalException, match=reason):
        backtest("Paper", freqtrade_ext={"strategy": name})


def test_wrong_setting_is_named_in_a_backtest_too(backtest, strategies):
    with pytest.raises(OperationalException, match=r"freqtrade_ext.reserve must be < 1, is 1.5"):
        backtest("Paper", freqtrade_ext={"strategy": "Ladder", "reserve": 1.5})


def test_managed_strategies_build_on_it():
    assert issubclass(ManagedStrategy, PaperFills)


START = 104_870.0
STEPS = [("lower", -0.02), ("third", 0.004), ("roi", 0.04)]
"""tag of the order that a rate is to bring about -> the rate, relative to that of the entry"""


def climb(bot, market):
    """Take a bot through the ladder; return what it asked for."""
    market.freeze("BTCUSDT", [(START - 0.01, 5.0)], [(START, 5.0)])
    with running_bot(bot):
        bot.wait(bot.orders, "the entry")
        for count, (tag, move) in enumerate(STEPS, 2):
            rate = round(START * (1 + move), 2)
            market.freeze("BTCUSDT", [(rate - 0.01, 5.0)], [(rate, 5.0)])
            bot.wait(lambda count=count: len(bot.orders()) >= count, tag)
        trade = bot.closed_trade()
    orders = [
        (o["ft_order_side"], o["order_type"], (o["ft_order_tag"] or "").split()[0], o["ft_price"])
        for o in bot.orders()[:4]
    ]
    return trade, orders, [order["amount"] for order in bot.orders()[:4]]


def test_same_decisions_as_stock_freqtrade_on_the_same_market_but_the_engine_s_fills(tmp_path):
    """Position adjustment in both directions by limit orders: what is asked for is the strategy's alone."""
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": ["BTC/USDT"]}
    orders = {"entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": False}
    results = {}
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        for name in ("Ladder", "Paper"):
            bot = Bot(
                tmp_path / name,
                market,
                name,
                exchange=exchange,
                order_types=orders,
                stake_amount=60,
                freqtrade_ext={"strategy": "Ladder"},
                strategy_path=str(ROOT / "strategies"),
            )
            (bot.folder / "user_data" / "strategies").mkdir()
            shutil.copy(ROOT / "tests" / "strategies" / "wild.py", bot.folder / "user_data" / "strategies")
            results[name] = climb(bot, market)
            if name == "Paper":
                filled = bot.rows("select * from paper_state where key like 'order/%'")
    stock, paper = results["Ladder"], results["Paper"]
    assert paper[1] == stock[1]
    assert [tag for _, _, tag, _ in paper[1]] == ["always", "lower", "third", "roi"]
    assert paper[0]["strategy"] == stock[0]["strategy"] == "Ladder"
    assert paper[0]["exit_reason"] == stock[0]["exit_reason"] == "roi"
    # fees are taken in the coin
    assert paper[2] == pytest.approx(stock[2], rel=0.002, abs=1e-5)
    assert len(filled) == 4
    assert paper[0]["close_profit_abs"] != stock[0]["close_profit_abs"]
