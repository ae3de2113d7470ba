"""Stock `freqtrade trade --dry-run` and stock ccxt against the embedded exchange, over whole trades."""

import json
import signal
from contextlib import ExitStack
from decimal import ROUND_DOWN, Decimal

import pytest

from tests.bot_process import ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(300)

LOT = Decimal("0.00001")
FEE = 0.001
# 500 / 3 less a tenth is 150; at 104,870 that is 0.00143 BTC, more than the first two levels hold:
# 0.0005 x 104,870 + 0.0006 x 104,880 + 0.00033 x 104,900 = 52.435 + 62.928 + 34.617 = 149.98
ASKS = [(104_870.0, 0.0005), (104_880.0, 0.0006), (104_900.0, 5.0)]
BIDS = [(104_860.0, 5.0)]
ENTRY_AMOUNT = 0.00143
ENTRY_COST = 149.98
ENTRY_RATE = 104_881.118881
# 0.1 % of the BTC bought goes to the exchange, which leaves 0.00142857; only whole lots can be sold
SELLABLE = Decimal("0.00142")
DUST = 0.00000857


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    with running_market(folder, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        yield market


@pytest.fixture
def new_bot(market, tmp_path):
    """Make a bot that enters BTC/USDT at once, on a book that only the test changes."""
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": ["BTC/USDT"]}

    def new(name="bot", **changes):
        strategies = str(ROOT / "tests" / "strategies")
        return Bot(
            tmp_path / name, market, "AlwaysEnter", exchange=exchange, strategy_path=strategies, **changes
        )

    market.freeze("BTCUSDT", BIDS, ASKS)
    return new


def entered(bot):
    """Wait for the entry and return the plan it was given."""
    bot.wait(bot.orders, "the entry")
    return bot.wait(lambda: bot.custom_data().get("plan"), "the plan")


def move_bids(market, rate):
    """Let the bid be just above the rate, thin at the top; return the levels."""
    bids = [(round(rate + 9, 2), 0.0002), (round(rate + 4, 2), 0.0001), (round(rate + 1, 2), 5.0)]
    market.freeze("BTCUSDT", bids, [(round(rate + 30, 2), 5.0)])
    return bids


def cost_of(levels, amount):
    """Walk the levels by hand."""
    cost, left = 0.0, amount
    for rate, shown in levels:
        taken = min(shown, left)
        cost += rate * taken
        left -= taken
    return cost


def take_profit(bot, market, plan, number):
    """Move the market to a target, wait for its order and check the order against the book."""
    bids = move_bids(market, plan["target_rates"][number - 1])
    order = bot.wait(lambda: tagged(bot, f"tp{number}"), f"tp{number}")
    assert order["average"] == pytest.approx(cost_of(bids, order["filled"]) / order["filled"], rel=1e-9)
    return order


def tagged(bot, tag):
    return next((order for order in bot.orders() if (order["ft_order_tag"] or "").split()[:1] == [tag]), None)


def chunks(shares):
    """What each target sells: its cumulative share in whole lots, less what was sold before."""
    sold, amounts = Decimal(0), []
    for cumulative in (shares[0], shares[0] + shares[1], 100):
        amounts.append((SELLABLE * Decimal(cumulative) / 100).quantize(LOT, ROUND_DOWN) - sold)
        sold += amounts[-1]
    return [float(amount) for amount in amounts]


def check_entry(bot):
    entry = bot.orders()[0]
    assert (entry["ft_order_side"], entry["status"], entry["order_type"]) == ("buy", "closed", "market")
    assert entry["filled"] == pytest.approx(ENTRY_AMOUNT, abs=1e-12)
    assert entry["cost"] == pytest.approx(ENTRY_COST, abs=1e-6)
    assert entry["average"] == pytest.approx(ENTRY_RATE, abs=1e-4)


def check_closed(bot, tags):
    """All that can be sold is sold, and the profit is what came in less what went out."""
    trade = bot.closed_trade()
    exits = [order for order in bot.orders() if order["ft_order_side"] == "sell"]
    assert [(order["ft_order_tag"] or "").split()[0] for order in exits] == tags
    assert sum(order["filled"] for order in exits) == pytest.approx(float(SELLABLE), abs=1e-12)
    received = sum(order["filled"] * order["average"] * (1 - FEE) for order in exits)
    moved = json.loads(bot.rows("select value from paper_state where key = 'account'")[0]["value"])["moved"]
    assert float(moved["USDT"]) == pytest.approx(received - ENTRY_COST, abs=1e-8)
    assert float(moved["BTC"]) == pytest.approx(DUST, abs=1e-12)
    # freqtrade counts what stays behind at what it cost
    assert trade["close_profit_abs"] == pytest.approx(received + DUST * ENTRY_RATE - ENTRY_COST, abs=0.01)
    return trade


def test_rise_sells_at_three_targets(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = entered(bot)
        check_entry(bot)
        assert plan["entry_rate"] == pytest.approx(ENTRY_RATE, abs=0.01)
        for target, percent in zip(plan["target_rates"], plan["target_percents"], strict=True):
            assert target == pytest.approx(ENTRY_RATE * (1 + percent / 100), abs=0.011)
        assert "$167 per position, 3 slots available" in bot.log
        sales = [take_profit(bot, market, plan, number) for number in (1, 2, 3)]
        assert [sale["filled"] for sale in sales] == pytest.approx(chunks(plan["shares"]), abs=1e-12)
        trade = check_closed(bot, ["tp1", "tp2", "tp3"])
    assert trade["exit_reason"] == "tp3"


def test_fall_stops_out_through_the_gap(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = entered(bot)
        trade = bot.trades()[0]
        assert trade["stop_loss"] == pytest.approx(plan["stop_rate"], abs=0.011)
        assert plan["stop_rate"] == pytest.approx(ENTRY_RATE * (1 - plan["stop_percent"] / 100), abs=0.011)
        # a cent above the stop nothing happens
        market.freeze("BTCUSDT", [(plan["stop_rate"] + 0.02, 5.0)], [(plan["stop_rate"] + 30, 5.0)])
        bot.wait_for_loops(3)
        assert len(bot.orders()) == 1
        bids = [(round(plan["stop_rate"] - 50, 2), 0.001), (round(plan["stop_rate"] - 200, 2), 5.0)]
        market.freeze("BTCUSDT", bids, [(round(plan["stop_rate"] + 30, 2), 5.0)])
        trade = check_closed(bot, ["stop_loss"])
    assert trade["exit_reason"] == "stop_loss"
    exit_order = bot.orders()[-1]
    assert exit_order["average"] == pytest.approx(cost_of(bids, float(SELLABLE)) / float(SELLABLE), rel=1e-9)


def test_kill_between_targets_loses_nothing(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = entered(bot)
        first = take_profit(bot, market, plan, 1)
        stop = bot.trades()[0]["stop_loss"]
        assert bot.stop(signal.SIGKILL) == -signal.SIGKILL
        bot.start()
        bot.wait_for_loops(3)
        assert bot.custom_data()["plan"] == plan
        assert bot.trades()[0]["stop_loss"] == stop
        assert len(bot.orders()) == 2
        sales = [first, *(take_profit(bot, market, plan, number) for number in (2, 3))]
        assert [sale["filled"] for sale in sales] == pytest.approx(chunks(plan["shares"]), abs=1e-12)
        check_closed(bot, ["tp1", "tp2", "tp3"])


def test_gap_over_all_targets_sells_everything_once(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = entered(bot)
        bids = move_bids(market, plan["target_rates"][2] + 100)
        trade = bot.closed_trade()
        exits = bot.orders()[1:]
        assert sum(order["filled"] for order in exits) == pytest.approx(float(SELLABLE), abs=1e-12)
        assert sum(order["cost"] for order in exits) == pytest.approx(
            cost_of(bids, float(SELLABLE)), abs=1e-6
        )
    assert trade["exit_reason"] == "tp3"


def test_sizing_table_in_the_running_bot(new_bot, market):
    # 150 USDT buy 0.00143 BTC at 104,870, 100 USDT buy 0.00095
    accounts = {500: 0.00143, 300: 0.00095, 150: 0.00095, 100: 0.00095}
    market.freeze("BTCUSDT", BIDS, [(104_870.0, 5.0)])
    with ExitStack() as running:
        bots = {
            balance: running.enter_context(running_bot(new_bot(str(balance), dry_run_wallet=balance)))
            for balance in [*accounts, 50]
        }
        for balance, amount in accounts.items():
            shares = entered(bots[balance])["shares"]
            assert bots[balance].orders()[0]["filled"] == pytest.approx(amount, abs=1e-12)
            # below 300 profits are taken early
            assert balance >= 300 or shares == [60, 25, 15]
        poor = bots[50]
        poor.wait_for_loops(3)
        assert poor.trades() == []
        assert "Balance $50 < $100 minimum" in poor.log
        # said once, not with every look at the market
        assert poor.log.count("Balance $50 < $100 minimum") == 1


def test_breakout_strategy_on_a_moving_market(tmp_path):
    """The shipped strategy finds its own entry, and the market runs through the targets without stopping."""
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "rise", "--seed", "1") as market:
        exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {
            "pair_whitelist": ["BTC/USDT"]
        }
        with running_bot(Bot(tmp_path / "bot", market, "BreakoutStrategy", exchange=exchange)) as bot:
            plan = entered(bot)
            market.move("BTCUSDT", plan["target_rates"][2] * 1.01, 20)
            trade = bot.closed_trade()
            exits = [order for order in bot.orders() if order["ft_order_side"] == "sell"]
            tags = [order["ft_order_tag"].split()[0] for order in exits]
    assert trade["exit_reason"] == "tp3"
    assert tags == ["tp1", "tp2", "tp3"]
    for order, target in zip(exits, plan["target_rates"], strict=True):
        # the market makes 0.4 % a second, the bot looks at it once a second
        assert 0.9995 < order["average"] / target < 1.01
