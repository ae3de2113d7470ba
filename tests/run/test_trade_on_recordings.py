"""The real bot on recorded markets: what it pays is the walk of the recorded book at that moment."""

import json
import math

import pytest

from freqtrade_ext.tape import Recording
from tests.bot_process import ROOT, Bot, running_bot, running_market

RECORDINGS = {
    "BTC/USDT": "book/hftbacktest_spot_BTCUSDT_20240808",
    "NEXO/USDT": "book/nexo_spot_NEXOUSDT_20240723_24",
}

IDS_AHEAD = 4


def recorded_asks(paths, update_id):
    """Rebuild the asks as of an update id in the plainest way: rate -> amount."""
    asks, at, tops = {}, 0, []
    for record in Recording(paths):
        is_snapshot = record.kind == "snapshot"
        if record.kind not in ("snapshot", "depth", "bookTicker") or is_snapshot == bool(at):
            continue
        data = record.data
        if record.kind == "bookTicker":
            tops.append(data)
            continue
        last_id, changes = (data["lastUpdateId"], data["asks"]) if is_snapshot else (data["u"], data["a"])
        if last_id > update_id:
            break
        if last_id > at:
            asks.update((float(rate), float(amount)) for rate, amount in changes)
            at = last_id
    # the best bid/ask stream is ahead of the differences
    for top in (top for top in tops if at < top["u"] <= update_id):
        best = float(top["a"])
        asks = {rate: amount for rate, amount in asks.items() if rate > best} | {best: float(top["A"])}
    return {rate: amount for rate, amount in asks.items() if amount}


def average_paid(asks, amount):
    paid = []
    for rate in sorted(asks):
        taken = min(amount, asks[rate])
        paid.append(rate * taken)
        amount -= taken
        if amount <= 1e-12:
            return paid
    raise AssertionError("the recorded book is thinner than the order")


@pytest.mark.parametrize("pair", RECORDINGS)
def test_entries_pay_what_walking_the_recorded_book_gives(pair, shared_data, tmp_path):
    paths = sorted((shared_data / RECORDINGS[pair]).glob("*.gz"))
    with running_market(tmp_path, "--recording", *map(str, paths)) as market:
        bot = Bot(
            tmp_path / "bot",
            market,
            "AlwaysEnter",
            strategy_path=str(ROOT / "tests" / "strategies"),
            dry_run_wallet=50_000,
            exchange={"name": "binance", "pair_whitelist": [pair], "pair_blacklist": []},
            freqtrade_ext={"feed": False, "seed": 1},
        )
        with running_bot(bot):
            bot.wait(lambda: "fills" in bot.custom_data(), "an entry")
            fill = bot.custom_data()["fills"][0]
            assert "NOT the real market" in bot.log
    # a difference older than the best bid/ask before it gets an id of its own, so ids may be ahead a little
    books = (recorded_asks(paths, fill["book_id"] - ahead) for ahead in range(IDS_AHEAD))
    walks = [average_paid(asks, fill["filled"]) for asks in books]
    averages = [math.fsum(paid) / fill["filled"] for paid in walks]
    assert (fill["average"], fill["levels"]) in [
        (pytest.approx(average, rel=1e-9), len(paid)) for average, paid in zip(averages, walks, strict=True)
    ]
    assert fill["filled"] * fill["average"] == pytest.approx(15_000, rel=0.02), json.dumps(fill)
