"""The bot with PostgreSQL as its database: the whole life of a trade, with a kill in its middle."""

import signal

import pytest

from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.table import money
from tests.bot_process import ROOT, Forked, running_bot, running_market
from tests.report.postgres import new_database, postgres_or_skip
from tests.served_bot import ServedBot, exits, sales

pytestmark = pytest.mark.timeout(240)

PAIR = "BTC/USDT"
ASKS = [(104_870.0, 0.0005), (104_880.0, 0.0006), (104_900.0, 5.0)]


@pytest.fixture
def bot(tmp_path):
    with (
        postgres_or_skip() as server,
        running_market(tmp_path, "--pairs", PAIR, "--scenario", "calm", "--seed", "1") as market,
    ):
        market.freeze("BTCUSDT", [(104_860.0, 5.0)], ASKS)
        yield ServedBot(tmp_path / "bot", market, db_url=new_database(server, "bot")), market


def test_a_trade_survives_a_kill_and_is_reported(bot, tmp_path):
    bot, market = bot
    with running_bot(bot):
        plan = bot.wait(lambda: bot.plans().get(PAIR), "the plan")
        targets = plan["target_rates"]
        exits(bot, market, PAIR, targets[:1])
        bot.wait(lambda: "realized_profit" in bot.custom_data(), "what was kept of the first target")
        account = bot.state()["account"]
        assert bot.stop(signal.SIGKILL) == -signal.SIGKILL
        assert bot.state()["account"] == account
        bot.start()
        bot.wait_for_loops(3)
        assert bot.plans() == {PAIR: plan}
        assert bot.trades()[0]["stop_loss"] == plan["stop_rate"]
        assert len(sales(bot, PAIR)) == 1
        exits(bot, market, PAIR, targets[1:])
        trade = bot.closed_trade()
        bot.wait(lambda: len(bot.custom_data()["fills"]) == 4, "the record of the last fill")
        check_account(bot, trade)
        check_report(bot, trade, tmp_path)


def check_account(bot, trade):
    """What came in less what went out: 0.00142 BTC could be sold, the fee and a rest of a lot could not."""
    entry, *sold = bot.orders()
    assert [order["ft_order_tag"].split()[0] for order in sold] == ["tp1", "tp2", "tp3"]
    assert sum(order["filled"] for order in sold) == pytest.approx(0.00142, abs=1e-12)
    received = sum(order["filled"] * order["average"] * 0.999 for order in sold)
    moved = {coin: float(amount) for coin, amount in bot.state()["account"]["moved"].items()}
    assert moved["USDT"] == pytest.approx(received - entry["cost"], abs=1e-8)
    assert moved["BTC"] == pytest.approx(0.00000857, abs=1e-12)
    dust = 0.00000857 * entry["average"]
    assert trade["close_profit_abs"] == pytest.approx(received + dust - entry["cost"], abs=0.01)


def check_report(bot, trade, folder):
    report = make_report(read_trades(bot.db_url), 500.0)
    (found,) = report.closed
    assert found.booked_abs == trade["close_profit_abs"]
    assert [fill.record is not None for fill in found.fills] == [True] * 4
    command = ["report", "--db-url", bot.db_url, "--out", folder]
    said, _ = Forked(folder, "freqtrade_ext", *command, cwd=ROOT).communicate(60)
    page = (folder / "report.html").read_text()
    # cash, without the coins left behind, which freqtrade's own number does not count
    assert f"{money(report.result.profit_abs, found.currency)} USDT" in page
    # the page names its database, without the password
    assert "tester:***@127.0.0.1" in page
    assert "secret" not in page + said
