"""What fees leave below a lot is sold along with a later trade; what a person holds is never touched."""

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

from freqtrade_ext.strategy.left_behind import left_behind, sell_along
from tests.fills.scripted_market import total
from tests.report.database import add_order, add_trade, database
from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

CANDLE_MS = 300_000
LOT = 1.0
"""XRP, of the embedded exchange"""


@pytest.fixture
def closings(tmp_path):
    """Buy XRP with each candle and sell all of it two minutes later; return what the account holds then."""

    def run(*others, **changes):
        pairs = ["XRP/USDT", *others]
        bot = VirtualBot(tmp_path, "AlwaysEnter", pairs, seed=3, scenario="calm", activity=0.05)
        held, trades = [], []

        def close():
            freqtrade = bot.worker.freqtrade
            trade = next(trade for trade in Trade.get_open_trades() if trade.pair == "XRP/USDT")
            bought = trade.orders[0].safe_filled
            RPC(freqtrade)._rpc_force_exit("all")
            assert not trade.is_open
            held.append(total(freqtrade.exchange.paper, "XRP"))
            trades.append((bought, trade.orders[-1].safe_filled, trade.amount))

        def direct(bot, script):
            for number in range(6):
                script.at(bot.start_ms + number * CANDLE_MS + 120_000, close)

        bot.run(bot.start_ms + 6 * CANDLE_MS - 60_000, direct, **changes)
        return held, trades

    return run


def test_what_each_trade_leaves_is_sold_along_with_the_next_as_soon_as_it_makes_a_lot(closings, caplog):
    """Each trade left 0.95 XRP behind, $2 of $100."""
    held, trades = closings()
    assert all(0 < left < LOT for left in held)
    # the first alone leaves a lot less its fee
    assert [bought - sold for bought, sold, _ in trades] == [LOT, 0, 0, 0, 0, 0]
    assert (
        "XRP/USDT: fees leave about 0.932 XRP ($2.03, 1.4 % of a position) of a trade behind, less than the "
        "lot of 1; it is sold along with a later one. Fees in BNB (`fee_asset: bnb`) leave nothing."
    ) in caplog.text
    assert "XRP that earlier trades left are sold along" in caplog.text


def test_coins_that_a_person_holds_besides_stay_as_they_are(closings):
    """freqtrade took the fees of all trades from them."""
    held, _ = closings(dry_run_wallet={"USDT": 500, "XRP": 100})
    assert all(100 < left < 100 + LOT for left in held)


def test_no_more_is_sold_than_the_account_has_free(closings, monkeypatch):
    """Coins that this database knows to be left, and that a person has moved away since."""
    monkeypatch.setattr("freqtrade_ext.strategy.left_behind.left_behind", lambda trade: 50.0)
    held, trades = closings()
    assert all(0 <= left < LOT for left in held)
    assert trades[0][0] - trades[0][1] == LOT


def test_nothing_is_left_where_fees_are_paid_in_bnb(closings):
    wallet = {"USDT": 500, "BNB": 1}
    held, _ = closings("BNB/USDT", dry_run_wallet=wallet, freqtrade_ext={"fee_asset": "bnb"})
    assert held == [0] * 6


class Account:
    """A real account's wallets, of which only the free coins are asked."""

    def __init__(self, free):
        self.free = free

    def update(self):
        pass

    def get_free(self, currency):
        return self.free


@pytest.fixture
def trades():
    """Write closed trades of XRP that bought 50, and one that has just bought 50 more."""
    with database("sqlite://"):

        def bought(sold=None, **columns):
            defaults = {"amount_precision": 1.0, "precision_mode": 4, "fee_close_currency": "USDT"}
            trade = add_trade("XRP/USDT", 0, **defaults | columns)
            entry = add_order(trade, "buy", 50.0, 2.0, 1)
            if trade.fee_open_currency == "XRP":
                entry.ft_fee_base = 0.05
            if sold is not None:
                add_order(trade, "sell", sold, 2.1, 2)
                trade.is_open = False
            trade.recalc_trade_from_orders()
            Trade.commit()
            return trade

        yield bought


@pytest.mark.parametrize(
    ("currency", "sold", "left"),
    [
        ("XRP", 49.0, 0.95),
        ("BNB", 50.0, 0.0),
        ("USDT", 49.0, 1.0),
        (None, 49.0, 0.95),  # as if taken from the coins
    ],
)
def test_what_is_left_is_what_was_bought_less_fees_in_the_coin_and_sales(trades, currency, sold, left):
    trades(sold, fee_open_currency=currency)
    now = trades(fee_open_currency="XRP")
    assert left_behind(now) == pytest.approx(left, abs=1e-9)


@pytest.mark.parametrize(
    ("free", "amount"),
    [
        (1000.0, 50.0),  # a person's own coins: 0.95 of them are the database's
        (50.9, 50.0),
        (49.95, 49.0),  # somebody has moved what was left away
        (0.0, 49.0),
    ],
)
def test_a_real_accounts_own_coins_stay(trades, free, amount):
    trades(49.0, fee_open_currency="XRP")
    now = trades(fee_open_currency="XRP")
    sell_along(now, now.orders[0], Account(free))
    assert now.amount == amount


def test_what_a_trade_sold_along_is_left_no_more(trades):
    trades(49.0, fee_open_currency="XRP")
    second = trades(fee_open_currency="XRP")
    sell_along(second, second.orders[0], Account(100.0))
    add_order(second, "sell", 50.0, 2.1, 2)
    second.is_open = False
    Trade.commit()
    assert left_behind(second) == pytest.approx(0.9, abs=1e-9)


def test_an_unknown_fee_leaves_the_trade_as_freqtrade_has_it(trades):
    trades(49.0, fee_open_currency="XRP")
    now = trades(fee_open_currency=None)
    sell_along(now, now.orders[0], Account(1000.0))
    assert (now.amount, now.orders[0].ft_fee_base) == (50.0, None)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_later_fill_changes_nothing(trades, side):
    """After a restart an exit was given a fee in the coin that it never paid."""
    trades(49.0, fee_open_currency="XRP")
    now = trades(fee_open_currency="XRP")
    later = add_order(now, side, 10.0, 2.1, 3)
    amount = now.amount
    sell_along(now, later, Account(1000.0))
    assert (now.amount, later.ft_fee_base) == (amount, None)
