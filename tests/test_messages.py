"""user_data/messages.json: what a webhook and Discord are told, and what freqtrade makes of the file."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from freqtrade.configuration.config_validation import validate_config_schema

from tests.bot_process import ROOT, Forked, running_bot, running_market, wait_until
from tests.served_bot import ServedBot, exits

pytestmark = pytest.mark.timeout(240)

MESSAGES = ROOT / "user_data" / "messages.json"
FEE = 0.001
GREEN, RED = 0x00FF00, 0xFF0000


@pytest.fixture
def receiver():
    """Keep what is posted, per path, in a server on loopback."""
    posted = {"/webhook": [], "/discord": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted[self.path].append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


@pytest.fixture
def market(tmp_path):
    pairs = "BTC/USDT,ETH/USDT"
    with running_market(tmp_path, "--pairs", pairs, "--scenario", "calm", "--seed", "1") as market:
        # 0.00143 BTC cost 0.0005 x 104,870 + 0.0006 x 104,880 + 0.00033 x 104,900: 104,881.12 on average
        market.freeze("BTCUSDT", [(104_860.0, 5.0)], [(104_870.0, 0.0005), (104_880.0, 0.0006), (104_900, 5)])
        market.freeze("ETHUSDT", [(2519.5, 50.0)], [(2520.0, 50.0)])
        yield market


def reason(order):
    return order["ft_order_tag"].split()[0]


def told(pair, number, open_rate, orders):
    """Work the texts out from the orders: what was sold at which rate, and what each part earned."""
    texts, sum_of_profits = [], 0.0
    for order in orders:
        amount, rate = order["filled"], order["average"]
        cost = amount * open_rate * (1 + FEE)
        profit = amount * rate * (1 - FEE) - cost
        sum_of_profits += profit
        texts.append(
            f"{pair} #{number} {reason(order)}: {amount:.8g} {pair[:3]} at {rate:,.8g} "
            f"(entered at {open_rate:,.8g}), {profit:+.2f} USDT ({profit / cost:+.2%}), "
            f"trade so far {sum_of_profits:+.2f} USDT"
        )
    return texts


def test_entry_targets_and_stop_are_told_with_their_numbers(market, receiver, tmp_path):
    url, posted = receiver
    environment = {
        "FREQTRADE__WEBHOOK__ENABLED": "true",
        "FREQTRADE__WEBHOOK__URL": f"{url}/webhook",
        "FREQTRADE__DISCORD__ENABLED": "true",
        "FREQTRADE__DISCORD__WEBHOOK_URL": f"{url}/discord",
    }
    pairs = ["BTC/USDT", "ETH/USDT"]
    bot = ServedBot(tmp_path / "bot", market, pairs=pairs, overlays=[MESSAGES], environment=environment)
    with running_bot(bot):
        bot.wait(lambda: len(bot.plans()) == 2, "both plans")
        plans = bot.plans()
        btc = exits(bot, market, "BTC/USDT", plans["BTC/USDT"]["target_rates"])
        first, stop = plans["ETH/USDT"]["target_rates"][0], plans["ETH/USDT"]["stop_rate"]
        eth = exits(bot, market, "ETH/USDT", [first, stop - 0.5])
        wait_until(
            lambda: all("stop_loss" in str(found) for found in posted.values()), "the last messages", 10
        )
        log = bot.log
    assert [reason(order) for order in [*btc, *eth]] == ["tp1", "tp2", "tp3", "tp1", "stop_loss"]
    texts = [message["text"] for message in posted["/webhook"]]
    # 0.1 % of what is bought goes to the exchange
    entries = [
        "BTC/USDT #1 entered Long: 0.00142857 BTC at 104,881.12, stake 149.83 USDT",
        "ETH/USDT #2 entered Long: 0.0415584 ETH at 2,520, stake 104.73 USDT",
    ]
    for pair, plan in plans.items():
        (told_plan,) = [text for text in texts if text.startswith(f"{pair} 5/5 monitoring")]
        assert f"sells all at the stop {plan['stop_rate']:,.2f}," in told_plan
        for number, (rate, share) in enumerate(zip(plan["target_rates"], plan["shares"], strict=True), 1):
            assert (f" {share:g}% at {rate:,.2f} (tp{number})" in told_plan) == bool(share)
        assert log.count(told_plan) == 2, "by freqtrade for both messengers: once as sent, once by Discord"
    of_trades = [text for text in texts if "/USDT #" in text]
    assert of_trades == [
        *entries,
        *told("BTC/USDT", 1, 104_881.12, btc),
        *told("ETH/USDT", 2, 2520.0, eth),
    ]
    assert "warning: Dry run is enabled. All trades are simulated." in texts
    embeds = [message["embeds"][0] for message in posted["/discord"]]
    fields = [{field["name"]: field["value"] for field in embed["fields"]} for embed in embeds]
    assert [field["Plan"] for field in fields if "Plan" in field] == [text for text in texts if "5/5" in text]
    embeds = [embed for embed in embeds if embed["title"] != "strategy_msg"]
    fields = [field for field in fields if "Plan" not in field]
    assert [embed["title"] for embed in embeds[:2]] == [f"Trade: {pair} entry_fill" for pair in pairs]
    assert fields[0]["Entered"] == "0.00142857 BTC at 104,881.12, Long"
    assert [field["Left by"] for field in fields[2:]] == ["tp1", "tp2", "tp3", "tp1", "stop_loss"]
    assert [embed["color"] for embed in embeds[2:]] == [GREEN] * 4 + [RED]
    assert fields[-1]["Trade so far"] in of_trades[-1]
    assert "Exception occurred within RPC module" not in log


def test_messages_are_off_until_the_environment_says_otherwise(tmp_path):
    config = json.loads((ROOT / "config.json").read_text()) | json.loads(MESSAGES.read_text())
    assert [config[name]["enabled"] for name in ("telegram", "discord", "webhook")] == [False] * 3
    validate_config_schema(config)
    (tmp_path / "user_data").mkdir()
    environment = {
        "FREQTRADE__TELEGRAM__ENABLED": "true",
        "FREQTRADE__TELEGRAM__TOKEN": "123456:a-token",
        "FREQTRADE__TELEGRAM__CHAT_ID": "-1001234567890",
    }
    options = ["--config", ROOT / "config.json", "--config", MESSAGES, "--show-sensitive"]
    shown, _ = Forked(tmp_path, "freqtrade", "show-config", *options, **environment).communicate(60)
    found = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["telegram"]
    assert (found["enabled"], found["token"], found["chat_id"]) == (True, "123456:a-token", "-1001234567890")
    assert found["notification_settings"]["exit_fill"] == "on"
