"""Two bots on one PostgreSQL server: signals may be shared, accounts, fills and plans never mix."""

from urllib.request import Request, urlopen

import pytest

from tests.bot_process import running_bot, running_market
from tests.report.postgres import new_database, postgres_or_skip
from tests.served_bot import WS_TOKEN, ServedBot

pytestmark = pytest.mark.timeout(240)

# 0.0005 at the best rate: a bot that saw another's fills would find the level taken
ASKS = [(104_870.0, 0.0005), (104_880.0, 5.0)]


@pytest.fixture
def market(tmp_path):
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", [(104_860.0, 5.0)], ASKS)
        yield market


@pytest.fixture(scope="module")
def server():
    with postgres_or_skip() as url:
        yield url


def consuming(leader):
    producer = {"name": "leader", "host": "127.0.0.1", "port": leader.port, "ws_token": WS_TOKEN}
    return {"enabled": True, "producers": [producer], "sleep_time": 1}


def test_a_bot_that_follows_another_keeps_its_own_books(market, server, tmp_path):
    leader = ServedBot(tmp_path / "leader", market, db_url=new_database(server, "leader"))
    follower = ServedBot(
        tmp_path / "follower",
        market,
        "Follows",
        db_url=new_database(server, "follower"),
        dry_run_wallet=300,
        external_message_consumer=consuming(leader),
    )
    bots = (leader, follower)
    with running_bot(follower):
        follower.wait_for_loops(3)
        # nobody to follow yet
        assert follower.trades() == []
        with running_bot(leader):
            for bot in bots:
                bot.wait(bot.plans, "the plan")
            check_entries(*bots)
            first = leader.plans()["BTC/USDT"]["target_rates"][0]
            market.freeze("BTCUSDT", [(first + 1, 5.0)], [(first + 30, 5.0)])
            for bot in bots:
                bot.wait(lambda bot=bot: len(bot.orders()) == 2, "the first target")
            check_books(*bots)
            assert [len(bot.get("trades")["trades"]) for bot in bots] == [0, 0]
            assert [bot.get("status")[0]["trade_id"] for bot in bots] == [1, 1]
    assert not set(ids(leader)) & set(ids(follower))


def ids(bot):
    return [order["order_id"] for order in bot.orders()]


def check_entries(leader, follower):
    """500 / 3 less a tenth is 150, so 0.00143 BTC; of 300 the least position, 100, is bought: 0.00095."""
    entries = [bot.orders()[0] for bot in (leader, follower)]
    assert [order["filled"] for order in entries] == pytest.approx([0.00143, 0.00095], abs=1e-12)
    for order, amount in zip(entries, (0.00143, 0.00095), strict=True):
        cost = 0.0005 * 104_870 + (amount - 0.0005) * 104_880
        assert order["cost"] == pytest.approx(cost, abs=1e-6)
    reasons = [bot.plans()["BTC/USDT"]["reasons"][0] for bot in (leader, follower)]
    assert reasons == ["$167 per position, 3 slots available", "$100 per position, 3 slots available"]


def check_books(leader, follower):
    """Each account has moved by its own fills, and each state tells of its own orders only."""
    for bot in (leader, follower):
        bought, sold = bot.orders()
        state = bot.state()
        moved = {coin: float(amount) for coin, amount in state["account"]["moved"].items()}
        assert moved["USDT"] == pytest.approx(sold["cost"] * 0.999 - bought["cost"], abs=1e-8)
        assert moved["BTC"] == pytest.approx(bought["filled"] * 0.999 - sold["filled"], abs=1e-12)
        kept = {key.removeprefix("order/") for key in state if key.startswith("order/")}
        assert kept
        assert kept <= set(ids(bot))


def test_one_page_shows_both(market, tmp_path):
    """FreqUI of the first bot may ask the second one, which names it in `CORS_origins`."""
    page = "http://127.0.0.1:8080"
    with running_bot(ServedBot(tmp_path / "second", market, origins=[page])) as bot:
        bot.wait(bot.plans, "the plan")
        for origin, allowed in ((page, page), ("http://127.0.0.1:9", None)):
            request = Request(f"http://127.0.0.1:{bot.port}/api/v1/ping", headers={"Origin": origin})
            with urlopen(request, timeout=10) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == allowed
