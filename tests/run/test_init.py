"""What a user of freqtrade gets who has a user directory already."""

import json
import shutil

import pytest

from freqtrade_ext.run.init import OVERLAYS, STRATEGIES, init, main
from freqtrade_ext.run.places import overlay_file, strategy_file
from tests.bot_process import ROOT

CONFIG = {
    "max_open_trades": 10,
    "stake_currency": "USDT",
    "stake_amount": 10,
    "dry_run_wallet": 100,
    "minimal_roi": {"0": 0.01},
    "strategy": "Mine",
    "entry_pricing": {"price_side": "same"},
    "exit_pricing": {"price_side": "other"},
    "order_types": {"entry": "limit", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False},
    "exchange": {"name": "binance"},
}


@pytest.fixture
def userdir(tmp_path):
    folder = tmp_path / "user_data"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def said(userdir, *overlays):
    return "\n".join(init(userdir, userdir / "config.json", overlays))


def test_files_are_put_there_and_the_users_own_are_left_alone(userdir):
    text = said(userdir, "live")
    strategies = userdir / "strategies"
    assert {path.name for path in strategies.iterdir()} == set(STRATEGIES)
    assert json.loads((userdir / "live.json").read_text())["dry_run"] is False
    assert json.loads((userdir / "config.json").read_text()) == CONFIG
    assert f"{strategies / 'managed.py'} is new" in text
    (strategies / "managed.py").write_text("mine")
    text = said(userdir)
    assert f"{strategies / 'managed.py'} is another file and stays" in text
    assert f"{strategies / 'paper.py'} is there already" in text
    assert (strategies / "managed.py").read_text() == "mine"


def test_the_section_and_what_matters_is_said(userdir):
    text = said(userdir)
    assert '"freqtrade_ext": {"strategy": "Mine"}' in text
    for told in (
        'initial_state is not "running"',
        "order_types makes entry limit orders, whatever the strategy says",
        'entry_pricing.price_side "same"',
        "process_throttle_secs 5",
        "minimal_roi {'0': 0.01} of the configuration does not count: by the plan it is {}",
        "stake_amount 10 of the configuration does not count: by the plan it is unlimited",
        "positions have a size of their own, 100 USDT at least",
        "max_open_trades 10 of the configuration is not reached: at most 3 positions",
        "tradable_balance_ratio 0.99 leaves 99 of the 100 in dry_run_wallet",
    ):
        assert told in text
    assert "exit_pricing" not in text


def test_nothing_matters_in_the_configuration_of_the_repository(userdir):
    shutil.copyfile(ROOT / "config.json", userdir / "config.json")
    text = said(userdir)
    assert "has a freqtrade_ext section" in text
    assert "With `--strategy Managed`" not in text


@pytest.mark.parametrize("missing", ["user directory", "configuration"])
def test_what_is_missing_is_one_line(userdir, capsys, missing):
    if missing == "user directory":
        shutil.rmtree(userdir)
    else:
        (userdir / "config.json").unlink()
    assert main(["--userdir", str(userdir), "--config", str(userdir / "config.json")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("freqtrade-ext init: no ")
    assert "makes one" in line


def test_all_files_that_init_knows_are_there():
    for path in [*map(strategy_file, STRATEGIES), *(overlay_file(f"{name}.json") for name in OVERLAYS)]:
        assert path.is_file()
