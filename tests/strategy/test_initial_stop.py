"""The initial stop that freqtrade shows of a trade is the plan's, and a start leaves it where it is."""

import orjson
import pytest
from freqtrade.enums import State
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

from freqtrade_ext.plan.plan import Plan
from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

SECOND_MS = 1000


def test_the_initial_stop_is_the_plans_also_after_stops_and_starts(tmp_path, caplog):
    """It was -10 % beside a plan of -1.2 %; set to that, each start would have put the stop back to -10 %."""
    bot = VirtualBot(tmp_path, "AlwaysEnter", ["BTC/USDT"], seed=3, scenario="calm", activity=0.05)
    seen = []

    def look():
        (trade,) = Trade.get_open_trades()
        shown = trade.to_json()
        plan = Plan.from_json(trade.get_custom_data("plan"))
        names = ("stop_loss_abs", "initial_stop_loss_abs", "initial_stop_loss_ratio")
        seen.append((plan.stop_rate, plan.stop_percent / 100, *(shown[name] for name in names)))
        orjson.dumps(RPC(bot.worker.freqtrade)._rpc_show_config(bot.worker.freqtrade.config, State.RUNNING))

    def change(state):
        bot.worker.freqtrade.state = state

    def direct(bot, script):
        steps = (look, State.STOPPED, State.RUNNING, look, State.RELOAD_CONFIG, look)
        for number, step in enumerate(steps, 1):
            action = step if callable(step) else lambda step=step: change(step)
            script.at(bot.start_ms + 20 * SECOND_MS * number, action)

    bot.run(bot.start_ms + 150 * SECOND_MS, direct)
    assert len(seen) == 3
    for stop_rate, distance, stop, initial, ratio in seen:
        assert (stop, initial, ratio) == (stop_rate, stop_rate, pytest.approx(-distance, abs=1e-5))
    assert "needs adjustment" not in caplog.text
