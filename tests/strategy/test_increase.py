"""A position that a person increases in FreqUI: one plan for all coins held."""

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

from tests.soak.troubles import direct
from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

PAIR = "BTC/USDT"


class Life:
    """Enters, sells at the first target, is increased there by a person, and goes on to the next."""

    def __init__(self, folder):
        self.bot = VirtualBot(folder, "AlwaysEnter", [PAIR], seed=3, scenario="calm", activity=0.05)
        self.plans = []
        self.sold = []
        self.stops = []

    def run(self):
        def direct_it(bot, script):
            acts = (lambda: self.freeze(0), self.increase, self.note, lambda: self.freeze(1), self.note)
            for number, act in enumerate(acts, 1):
                script.at(bot.start_ms + number * 20_000, act)

        self.bot.run(self.bot.start_ms + 120_000, direct_it, force_entry_enable=True)
        return self

    def trade(self):
        (trade,) = Trade.get_open_trades()
        return trade

    def freeze(self, target):
        rate = round(self.trade().get_custom_data("plan")["target_rates"][target] + 5, 2)
        book = {"bids": [[rate, 5.0]], "asks": [[rate + 10, 5.0]]}
        direct(self.bot.replica.url, "book", symbol="BTCUSDT", **book)

    def increase(self):
        self.note()
        RPC(self.bot.worker.freqtrade)._rpc_force_entry(PAIR, None, stake_amount=75.0)

    def note(self):
        trade = self.trade()
        self.plans.append(trade.get_custom_data("plan"))
        self.stops.append(trade.stop_loss)
        exits = [o for o in trade.orders if o.ft_order_side == "sell" and o.safe_filled]
        self.sold.append([(o.ft_order_tag.split()[0], o.safe_filled) for o in exits])
        self.entries = [
            (o.safe_amount_after_fee, o.safe_price, o.safe_cost)
            for o in trade.orders
            if o.ft_order_side == "buy"
        ]


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    return Life(tmp_path_factory.mktemp("life")).run()


def test_an_increase_after_the_first_target_sells_nothing_before_the_next(life):
    """It sold 40 % of the new coins at once, at no target."""
    before, after, later = life.sold
    assert [tag for tag, _ in before] == ["tp1"]
    assert after == before
    assert [tag for tag, _ in later] == ["tp1", "tp2"]
    (first, *_), (second, *_) = life.entries
    held = first - before[0][1] + second
    shares = life.plans[-1]["shares"]
    assert later[1][1] == pytest.approx(
        held * shares[1] / (shares[1] + shares[2]), abs=1.6e-5
    )  # a lot, and dust


def test_what_was_sold_belongs_to_the_old_coins_of_the_anchor(life):
    """105,124.65 was the average of all coins ever bought, 105,205.33 that of the coins held."""
    (first, first_rate, _), (new, new_rate, _) = life.entries
    left = first - life.sold[0][0][1]
    anchor = (first_rate * left + new_rate * new) / (left + new)
    assert life.plans[1]["entry_rate"] == pytest.approx(anchor, abs=0.01)
    assert life.stops[1] == life.plans[1]["stop_rate"]
    assert life.plans[1]["target_rates"] != life.plans[0]["target_rates"]


def test_the_amount_that_a_person_asked_for_is_bought(life):
    _, (_, _, cost) = life.entries
    assert cost == pytest.approx(75, abs=1.1)
