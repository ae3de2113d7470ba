"""A wheel of this package in the freqtrade that a user already has, with a strategy of the user's own."""

import json
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.bot_process import ENVIRONMENT, ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(280)

STRATEGY = '''
from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    """Enters at once, and leaves by a stop and a target of its own."""

    timeframe = "5m"
    stoploss = -0.004
    minimal_roi = {"0": 0.004}
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
'''
PRICING = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
CONFIG = {
    "initial_state": "running",
    "max_open_trades": 1,
    "stake_currency": "USDT",
    "stake_amount": 200,
    "dry_run": True,
    "dry_run_wallet": 1000,
    "timeframe": "5m",
    "entry_pricing": PRICING,
    "exit_pricing": PRICING,
    "exchange": {"name": "binance", "pair_whitelist": ["BTC/USDT"]},
    "pairlists": [{"method": "StaticPairList"}],
    "internals": {"process_throttle_secs": 1, "heartbeat_interval": 1},
    "freqtrade_ext": {"strategy": "Mine"},
}
BIDS, ASKS = [(104_860.0, 5.0)], [(104_870.0, 0.0005), (104_880.0, 5.0)]


def run(*command, cwd):
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    words = [str(part) for part in command]
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build it from a copy; a build in place would take along what lies in build/."""
    without_what_git_ignores = shutil.ignore_patterns("__pycache__", "*.sqlite*", "private.json")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("freqtrade_ext", "strategies", "user_data"):
        shutil.copytree(ROOT / name, source / name, ignore=without_what_git_ignores)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "user_data" / "private.json").write_text("secret")
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    run(sys.executable, "-m", "pip", *build, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return an environment with the wheel; its freqtrade is that of the tests, which saves minutes."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # a folder added like this brings no editable install along
    (packages / "freqtrade.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "bin" / "python"


class OwnBot(Bot):
    """`freqtrade trade` as the user runs it, in the user's folder."""

    def __init__(self, folder, python, strategy):
        self.folder, self.process = folder, None
        self._python, self._strategy = python, strategy

    def start(self):
        command = [self._python, "-m", "freqtrade", "trade", "--dry-run", "--strategy", self._strategy]
        command += ["--config", "user_data/config.json", "--config", "overlay.json"]
        command += ["--db-url", "sqlite:///bot.sqlite", "--logfile", "bot.log"]
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
        with (self.folder / "printed").open("a") as printed:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=printed, stderr=printed
            )


def test_the_wheel_has_what_it_needs_and_no_secret(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    modules = (ROOT / "freqtrade_ext").rglob("*.py")
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in modules}
    assert rooms | {"freqtrade_ext.strategies", "freqtrade_ext.overlays"} == set(project["packages"])
    for name in ("py.typed", "report/page.html", "strategies/managed.py", "strategies/paper.py"):
        assert f"freqtrade_ext/{name}" in names
    tracked = {path.name for path in (ROOT / "user_data").glob("*.json")} - {"private.json", "docker.json"}
    assert {Path(name).name for name in names if name.startswith("freqtrade_ext/overlays/")} == tracked
    (metadata,) = [name for name in names if name.endswith("METADATA")]
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    for told in ("License-Expression: GPL-3.0-or-later", "Requires-Dist: time-machine", "Typing :: Typed"):
        assert told in text


@pytest.mark.parametrize("strategy", ["Paper", "Managed"])
def test_a_users_own_strategy_trades_from_the_wheel(python, tmp_path, strategy):
    folder = tmp_path / "own"
    folder.mkdir()
    run(python, "-m", "freqtrade", "create-userdir", "--userdir", "user_data", cwd=folder)
    (folder / "user_data" / "config.json").write_text(json.dumps(CONFIG))
    (folder / "user_data" / "strategies" / "mine.py").write_text(STRATEGY)
    said = run(python, "-m", "freqtrade_ext", "init", cwd=folder)
    assert f"strategies/{strategy.lower()}.py is new" in said
    where = run(python, "-c", "import freqtrade_ext; print(freqtrade_ext.__file__)", cwd=folder)
    assert str(python.parents[1]) in where
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", BIDS, ASKS)
        (folder / "overlay.json").write_text(json.dumps(market.overlay))
        with running_bot(OwnBot(folder, python, strategy)) as bot:
            bot.wait(bot.orders, "the entry")
            entry = bot.orders()[0]
            market.freeze("BTCUSDT", [(104_300.0, 5.0)], [(104_400.0, 5.0)])
            if strategy == "Paper":
                trade = bot.closed_trade()
            else:
                bot.wait_for_loops(3)
                (trade,) = bot.trades()
    # the stake is 200 by the configuration, and nine tenths of 990 by the plan
    assert entry["cost"] == pytest.approx(200 if strategy == "Paper" else 891, abs=1.1)
    assert entry["average"] == pytest.approx(
        (0.0005 * 104_870 + (entry["filled"] - 0.0005) * 104_880) / entry["filled"], rel=1e-9
    )
    # its stop of 0.4 % was reached; the plan's is further away. freqtrade may call it a trailing one
    assert str(trade["exit_reason"]).endswith("stop_loss") == (strategy == "Paper")
