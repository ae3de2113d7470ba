"""A stake that a person types in: used to the cent, or refused with the reason."""

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC, RPCException

from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

PAIR = "BTC/USDT"


@pytest.fixture
def forced(tmp_path):
    """Force an entry on a bot with $500; return the stake of the trade, None where there is none."""

    def force(stake, **changes):
        bot = VirtualBot(tmp_path, "WaitsForAPerson", [PAIR], seed=3, scenario="calm", activity=0.05)
        found = []

        def ask():
            try:
                trade = RPC(bot.worker.freqtrade)._rpc_force_entry(PAIR, None, stake_amount=stake)
                found.append(sum(order.safe_cost for order in trade.orders))
            except RPCException:
                found.append(None)
            assert Trade.get_open_trade_count() == (found[0] is not None)

        end_ms = bot.start_ms + 60_000
        bot.run(
            end_ms, lambda bot, script: script.at(end_ms - 30_000, ask), force_entry_enable=True, **changes
        )
        return found[0]

    return force


@pytest.mark.parametrize("stake", [40, 120.5, 499.9])
def test_the_stake_that_a_person_types_in_is_used(forced, stake):
    """$40 became $419.70."""
    assert forced(stake) == pytest.approx(stake, abs=1.1)  # a lot


@pytest.mark.parametrize(
    ("stake", "why"),
    [
        (600, "forced entry refused: $600 are asked for, $500 are free"),
        (4, "forced entry refused: $4 are asked for, the exchange's minimum is $5.83"),
    ],
)
def test_a_stake_that_cannot_be_used_is_refused_aloud(forced, stake, why, caplog):
    assert forced(stake) is None
    assert why in caplog.text


def test_a_forced_entry_without_a_stake_is_sized_as_a_signal_is(forced):
    assert forced(None) == pytest.approx(150, abs=1.1)


def test_one_trade_at_a_time_is_sized_and_said_so(forced, caplog):
    assert forced(None, max_open_trades=1) == pytest.approx(450, abs=1.1)
    assert "$500 per position, 1 slot available" in caplog.text
