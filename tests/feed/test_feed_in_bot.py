"""Three open trades in the real bot: what a loop asks the exchange for, and what is left after a while."""

import json
import time
from urllib.request import urlopen

import psutil
import pytest

from freqtrade_ext.feed.streams import QUIET_SECONDS
from tests.bot_process import CTRL_C, ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(150)

PAIRS = {"BTC/USDT": 104_000.0, "ETH/USDT": 3_300.0, "SOL/USDT": 160.0}


def depth_requests(market):
    with urlopen(f"{market.url}/control/requests", timeout=5) as answer:
        return json.load(answer)["counts"].get("GET /api/v3/depth", 0)


@pytest.mark.parametrize(("feed", "per_loop"), [(True, 0), (False, 6)])
def test_depth_requests_of_a_loop_with_three_trades(tmp_path, feed, per_loop):
    """
    Without the feed one for each trade's exit and one for its targets, and nothing grows.

    With it none, but for those that compare a pair with REST where nothing has happened for two seconds.
    """
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": list(PAIRS)}
    settings = json.loads((ROOT / "config.json").read_text())["freqtrade_ext"] | {"feed": feed}
    strategies = str(ROOT / "tests" / "strategies")
    changes = {"exchange": exchange, "strategy_path": strategies, "freqtrade_ext": settings}
    with running_market(tmp_path, "--pairs", *PAIRS, "--scenario", "calm") as market:
        for pair, rate in PAIRS.items():
            market.freeze(pair.replace("/", ""), [(rate, 1e4)], [(round(rate * 1.0002, 2), 1e4)])
        with running_bot(Bot(tmp_path / "bot", market, "AlwaysEnter", **changes)) as bot:
            bot.wait(lambda: len(bot.trades()) == 3, "three trades", 60)
            bot.wait_for_loops(5)
            process = psutil.Process(bot.process.pid)
            before, beats, memory = depth_requests(market), beats_of(bot), process.memory_info().rss
            threads, files = process.num_threads(), process.num_fds()
            time.sleep(8)
            loops = beats_of(bot) - beats
            assert loops >= 4
            asked = depth_requests(market) - before
            compared = len(PAIRS) * (8 / QUIET_SECONDS + 1) if feed else 0
            # a loop may be under way at either end
            assert per_loop * (loops - 1) <= asked <= per_loop * (loops + 1) + compared
            assert process.num_threads() <= threads
            assert process.num_fds() <= files + 1
            assert process.memory_info().rss < memory + 10e6
            assert bot.stop() in CTRL_C
        assert "nclosed" not in (bot.folder / "printed").read_text()


def beats_of(bot):
    return bot.log.count("Bot heartbeat")
