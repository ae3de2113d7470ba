"""The real bot on a book that only the test changes."""

import json

import pytest

from tests.bot_process import ROOT, Bot, running_market

BIDS = [(104_860.0, 5.0)]
ASKS = [(104_870.0, 5.0)]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    with running_market(
        folder, "--pairs", "BTC/USDT", "ETH/USDT", "--scenario", "calm", "--seed", "1"
    ) as market:
        yield market


@pytest.fixture
def new_bot(market, tmp_path):
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": ["BTC/USDT"]}
    market.freeze("BTCUSDT", BIDS, ASKS)

    def new(strategy="AlwaysEnter", **changes):
        strategies = str(ROOT / "tests" / "strategies")
        return Bot(tmp_path / "bot", market, strategy, exchange=exchange, strategy_path=strategies, **changes)

    return new


def times_said(bot, text):
    """Count a text in the log, which breaks its lines anywhere."""
    return " ".join(bot.log.split()).count(text)


def plan_of(bot):
    return bot.wait(lambda: bot.custom_data().get("plan"), "the plan")
