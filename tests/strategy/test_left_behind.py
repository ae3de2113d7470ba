"""What fees leave below a lot is sold along with a later trade; what a person holds is never touched."""

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

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
            held.append(freqtrade.exchange.paper.total("XRP"))
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
