"""freqtrade's wallets and FreqUI's balance against the paper account, through a trade's whole life."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest
from freqtrade.enums import State
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

from freqtrade_ext.fills.fees import Fee
from tests.fills.scripted_market import total
from tests.soak.virtual_bot import WALLET, VirtualBot

pytestmark = pytest.mark.timeout(300)

MINUTE_MS = 60_000


class Life:
    """A bot in virtual time to which something happens every minute; after each, its balance is compared."""

    def __init__(
        self, folder, *happenings, pairs=("BTC/USDT", "XRP/USDT"), strategy="AlwaysEnter", **changes
    ):
        self.bot = VirtualBot(folder, strategy, pairs, seed=3, scenario="calm", activity=0.05)
        self.seen = []
        end_ms = self.bot.start_ms + 5 * MINUTE_MS  # before the next candle makes it buy again

        def direct(bot, script):
            for number, happening in enumerate((lambda life: None, *happenings)):
                ms = bot.start_ms + number * MINUTE_MS + MINUTE_MS // 2
                script.at(ms, lambda happening=happening: (happening(self), self.compare()))
                script.at(ms + MINUTE_MS // 2, self.compare)

        self.bot.run(end_ms, direct, **changes)

    @property
    def freqtrade(self):
        return self.bot.worker.freqtrade

    @property
    def rpc(self):
        return RPC(self.freqtrade)

    @property
    def account(self):
        return self.freqtrade.exchange.paper

    def compare(self):
        """FreqUI's balance is the account's, in every currency and position."""
        answer = self.rpc._rpc_balance("USDT", "")
        shown = {row["currency"]: row for row in answer["currencies"] if not row["is_position"]}
        held = {name: both for name, both in self.account.balances().items() if any(both)}
        assert shown.keys() == held.keys()
        for currency, (free, owned) in held.items():
            row = shown[currency]
            assert (row["free"], row["balance"]) == (free, owned)
            assert row["used"] == pytest.approx(owned - free, abs=1e-12)
        positions = {row["currency"]: row["position"] for row in answer["currencies"] if row["is_position"]}
        assert positions == {pair: abs(amount) for pair, (amount, *_) in self.account.positions().items()}
        trades = [SimpleNamespace(amount=trade.amount) for trade in Trade.get_open_trades()]
        self.seen.append((shown, trades))


def partial_exit(life):
    trade = Trade.get_open_trades()[0]
    life.rpc._rpc_force_exit(str(trade.id), amount=trade.amount / 2)


def exit_all(life):
    life.rpc._rpc_force_exit("all")


def reload(life):
    life.freqtrade.state = State.RELOAD_CONFIG


def delete(life):
    life.rpc._rpc_delete(Trade.get_open_trades()[0].id)


def test_the_balance_is_the_account_after_every_event_of_a_trades_life(tmp_path):
    """Stock freqtrade showed 506.062 with all closed where the orders gave 505.104, and 441.70 for 438.10."""
    life = Life(tmp_path, partial_exit, reload, exit_all)
    bought, halved, reloaded, closed = (shown["BTC"]["balance"] for shown, _ in life.seen[::2])
    assert bought == pytest.approx(2 * halved, rel=0.01)
    # half was sold by then, and what no lot sells stays there after the last exit
    assert (halved, 0 < closed < 1e-5) == (reloaded, True)
    assert life.rpc._rpc_balance("USDT", "")["starting_capital"] == WALLET


def test_the_balance_of_futures_is_the_account_with_its_margins(tmp_path):
    futures = {"trading_mode": "futures", "margin_mode": "isolated"}
    life = Life(tmp_path, partial_exit, reload, delete, exit_all, strategy="Leveraged", **futures)
    bought, halved, reloaded, deleted, closed = (shown["USDT"] for shown, _ in life.seen[::2])
    assert bought["used"] > halved["used"] == reloaded["used"] > deleted["used"] > closed["used"] == 0
    assert closed["free"] == closed["balance"]


def test_a_deleted_trade_gives_its_money_back(tmp_path, caplog):
    """What it had bought stayed in the paper account, where nobody could ever sell it."""
    life = Life(tmp_path, partial_exit, delete, pairs=["BTC/USDT"])
    shown, trades = life.seen[4]
    assert (shown.keys(), shown["USDT"]["free"], trades) == ({"USDT"}, WALLET, [])
    assert "trade 1 is deleted" in caplog.text


def test_a_trade_is_cut_to_the_coins_that_fees_of_others_have_left(tmp_path):
    """The exit was refused with each loop, "Trying to refind lost order", and the slot was taken for ever."""

    def pay_fees(life):
        amount = Trade.get_open_trades()[0].amount
        life.account._holdings._account.pay(Fee("BNB", 0.3 * amount, 0.0))

    life = Life(tmp_path, pay_fees, exit_all, pairs=["BNB/USDT"])
    before, after = (trades[0].amount for _, trades in (life.seen[0], life.seen[3]))
    assert after == pytest.approx(0.7 * before, abs=1e-3)
    shown, trades = life.seen[4]
    assert (shown["BNB"]["balance"] < 1e-3, trades) == (True, [])


def test_a_trade_whose_coins_are_all_gone_is_closed(tmp_path):
    def pay_fees(life):
        life.account._holdings._account.pay(Fee("BNB", total(life.account, "BNB"), 0.0))

    life = Life(tmp_path, pay_fees, pairs=["BNB/USDT"])
    (trade,) = (trade for trade in closed_trades(life) if trade["exit_reason"] == "fees took its coins")
    assert trade["close_profit_abs"] == pytest.approx(-150, abs=1)


def closed_trades(life):
    with closing(sqlite3.connect(life.bot.database)) as database:
        database.row_factory = sqlite3.Row
        return database.execute("select * from trades where not is_open").fetchall()
