"""What `freqtrade-ext doctor` finds, on the embedded exchange."""

import json
from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode

from freqtrade_ext.paper import seams
from freqtrade_ext.replica import Replica
from freqtrade_ext.run import doctor, pair_checks
from tests.bot_process import ROOT
from tests.run.test_init import CONFIG

OWN = CONFIG | {
    "dry_run": True,
    "pairlists": [{"method": "StaticPairList"}],
    "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
}


@pytest.fixture(scope="module")
def overlay():
    with Replica(seed=1, pairs=["BTC/USDT", "XRP/USDT"], scenario="calm") as replica:
        yield replica.overlay()


@pytest.fixture
def found(tmp_path, monkeypatch, overlay, capsys):
    """Run the command in a folder with a user's configuration; return its status and what it found."""
    monkeypatch.chdir(tmp_path)

    def run(own, pairs, *, reach=True, **more):
        (tmp_path / "user_data").mkdir()
        exchange = own.get("exchange", {}) | overlay["exchange"] | {"pair_whitelist": pairs}
        if not reach:
            exchange["ccxt_config"]["urls"]["api"]["public"] = "http://127.0.0.1:9/api/v3"
        config = own | {"exchange": exchange} | more
        (tmp_path / "user_data" / "config.json").write_text(json.dumps(config))
        status = doctor.main([])
        return status, capsys.readouterr().out

    return run


def test_a_fit_configuration_is_all_ok(found):
    config = json.loads((ROOT / "config.json").read_text())
    status, text = found(config, ["BTC/USDT", "XRP/USDT"], strategy_path=str(ROOT / "strategies"))
    assert status == 0
    # on loopback an order is there sooner than the 50 ms that are configured
    noted = [line for line in text.splitlines() if not line.startswith("ok ")]
    assert len(noted) == 1
    assert 'latency_ms is 50 to 200, "measured" draws from what is seen here' in noted[0]
    assert "BTC/USDT: minimum 5.25 and lots of 1e-05" in text
    assert "XRP/USDT: a market order of 100 costs" in text
    assert "clock agrees with the exchange's within" in text


def test_a_latency_that_is_measured_is_told_as_it_is(found):
    _, text = found(OWN | {"freqtrade_ext": {"latency_ms": "measured"}}, ["BTC/USDT"])
    assert "one way: latency_ms follows it" in text


def test_a_users_configuration_is_told_what_matters(found):
    status, text = found(OWN, ["BTC/USDT", "NOPE/USDT"])
    assert status == 1
    assert "note managed.py is not among the strategies" in text
    assert 'note entry_pricing.price_side "same"' in text
    assert "note with Managed, stake_amount 10 of the configuration does not count" in text
    assert "note BTC/USDT: a lot is 10% of a position" in text
    assert "FAIL NOPE/USDT is not traded" in text


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"strategy": "InAndOut"}, "ok   strategy: InAndOut, in "),
        ({"strategy": "InAndOutt"}, "FAIL freqtrade_ext.strategy is InAndOutt: no file in "),
        ({}, "note freqtrade_ext.strategy names no strategy: Paper and Managed wrap the one that it names"),
    ],
)
def test_the_strategy_named_is_looked_for(found, section, said):
    """A misspelt one was found by the bot's first start alone."""
    strategies = str(ROOT / "tests" / "strategies")
    status, text = found(OWN, ["BTC/USDT"], freqtrade_ext=section, strategy="Paper", strategy_path=strategies)
    assert said in text
    assert status == said.startswith("FAIL")


def test_a_stake_below_the_minimum_or_beyond_the_book_fails(found):
    status, text = found(OWN, ["BTC/USDT"], stake_amount=2)
    assert (status, "FAIL BTC/USDT: 2 is less than the exchange's minimum of 5.25" in text) == (1, True)


def test_a_margin_below_the_minimum_says_which_leverage_reaches_it():
    """It failed, although the strategy's leverage made orders of five times the stake."""
    exchange = SimpleNamespace(
        trading_mode=TradingMode.FUTURES,
        get_min_pair_stake_amount=lambda *_: 110.0,
        get_precision_amount=lambda _: 0.001,
        get_contract_size=lambda _: 1.0,
    )
    said = (
        "BTC/USDT:USDT: 100 is less than the exchange's minimum of 110: a leverage of 1.1 or more reaches it"
    )
    assert [*pair_checks._check_size(exchange, "BTC/USDT:USDT", 100.0, 1e5)] == [("note", said)]


def test_a_stake_that_the_book_does_not_carry_fails(found):
    status, text = found(OWN, ["XRP/USDT"], stake_amount=1e9)
    assert (status, "100 levels of the book do not carry a market order of 1e+09" in text) == (1, True)


def test_a_clock_that_is_off_is_named(found, monkeypatch):
    now = doctor.time.time
    ahead = {"time": staticmethod(lambda: now() + 90), "sleep": doctor.time.sleep}
    monkeypatch.setattr(doctor, "time", type("Clock", (), ahead))
    status, text = found(OWN, [])
    assert status == 1
    assert "FAIL this machine's clock is 90.0 s ahead of the exchange's: set it by NTP" in text


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"freqtrade_ext": {"latency": 1}}, "FAIL configuration: freqtrade_ext.latency is unknown"),
        ({"max_open_trades": "many"}, "FAIL configuration: "),
    ],
)
def test_a_wrong_configuration_is_one_line(found, own, told):
    status, text = found(OWN | own, ["BTC/USDT"])
    assert status == 1
    assert told in text
    assert "Traceback" not in text


def test_no_configuration_and_old_versions_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(seams, "freqtrade_version", "2099.1")
    monkeypatch.setattr(seams.ccxt, "__version__", "4.5.9")
    assert doctor.main([]) == 1
    text = capsys.readouterr().out
    assert "note freqtrade 2099.1 is newer than" in text
    assert "note No live feed: ccxt 4.5.9 is older" in text
    assert "FAIL no config.json here" in text


def test_an_exchange_that_does_not_answer_is_one_line(found, monkeypatch):
    monkeypatch.setattr("freqtrade.exchange.common.API_RETRY_COUNT", 0)
    status, text = found(OWN, ["BTC/USDT"], reach=False)
    assert status == 1
    assert "does not answer: is there a network" in text
    assert "BTC/USDT" not in text
