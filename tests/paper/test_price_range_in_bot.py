"""Binance's price range around a reference price, on the bot's way through a stop."""

import ccxt
import pytest

from tests.soak.audit import Books
from tests.soak.troubles import direct
from tests.soak.virtual_bot import VirtualBot

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not hasattr(ccxt.binance, "public_get_executionrules"), reason="this ccxt cannot ask for them"
    ),
]

RANGE = {"bidLimitMultUp": "1.02", "askLimitMultDown": "0.98"}


def test_a_stop_outside_the_exchange_s_price_range_expires_until_the_reference_price_has_followed(tmp_path):
    bot = VirtualBot(tmp_path, "AlwaysEnter", ["BTC/USDT"], seed=3, scenario="calm", activity=0.05)

    def refer(rate):
        direct(bot.replica.url, "symbol", symbol="BTCUSDT", reference=rate, price_range=RANGE)

    def fall():
        levels = [[104_000 * 0.981, 0.0005], [104_000 * 0.979, 5.0]]
        direct(bot.replica.url, "book", symbol="BTCUSDT", bids=levels, asks=[[104_000.0, 5.0]])

    def act(bot, script):
        refer(104_000)
        script.at(bot.start_ms + 30_000, fall)
        script.at(bot.start_ms + 60_000, lambda: refer(104_000 * 0.98))

    bot.run(bot.start_ms + 100_000, act)
    books = Books(bot.database)
    _, *sold = books.orders
    filled = [order["filled"] for order in sold]
    assert filled == [0.0005, *[0.0] * (len(sold) - 2), pytest.approx(0.00092)]
    assert len(sold) > 2
    why = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED: the rest lies outside the exchange's price range"
    assert {books.paper[order["order_id"]]["reason"] for order in sold[:-1]} == {why}
