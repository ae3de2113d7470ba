"""What a fresh machine gets: configuration, pinned dependencies, secrets, and words for what is missing."""

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from freqtrade_ext.paper.seams import CCXT_FLOOR, NEWEST_TRIED
from freqtrade_ext.run.frequi import write_private
from tests.bot_process import Forked, running_market

ROOT = Path(__file__).resolve().parents[1]


def shown_config(folder: Path, *files: Path) -> dict:
    """Return the configuration as freqtrade itself combines and validates it."""
    (folder / "user_data").mkdir(exist_ok=True)
    options = [option for file in files for option in ("--config", file)]
    process = Forked(folder, "freqtrade", "show-config", "--show-sensitive", *options)
    said, _ = process.communicate(60)
    assert process.returncode == 0, said
    return json.loads(said[said.index("{") : said.rindex("}") + 1])


def test_examples_are_the_same_each_time_on_a_user_s_machine_too():
    """CI alone set the variable that made them so: a failure at a user's could not be seen again."""
    assert settings().derandomize


def test_freqtrade_accepts_config_json(tmp_path):
    config = shown_config(tmp_path, ROOT / "config.json")
    # left out, freqtrade starts stopped and waits for a command
    assert config["initial_state"] == "running"
    assert config["dry_run"] is True
    assert config["dry_run_wallet"] == 500
    # 0.99 would leave 99 of 100, which is too little to trade
    assert config["tradable_balance_ratio"] == 1.0
    assert config["max_open_trades"] == config["freqtrade_ext"]["max_positions"] == 3
    assert config["entry_pricing"]["price_side"] == config["exit_pricing"]["price_side"] == "other"
    # a strategy's own would not count beside them
    assert "order_types" not in config
    # freqtrade names one database for paper and another for live; a name here would mix them
    assert "db_url" not in config


def test_secrets_are_random_private_local_and_valid(tmp_path):
    old_mask = os.umask(0)
    try:
        for name in ("a.json", "b.json"):
            write_private(tmp_path / name)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
    first, second = (json.loads((tmp_path / name).read_text())["api_server"] for name in ("a.json", "b.json"))
    for secret in ("password", "jwt_secret_key", "ws_token"):
        assert first[secret] != second[secret]
        assert len(first[secret]) >= 32
    combined = shown_config(tmp_path, ROOT / "config.json", tmp_path / "a.json")
    assert combined["api_server"] == first
    assert combined["api_server"]["listen_ip_address"] == "127.0.0.1"


def test_existing_secrets_are_kept(tmp_path):
    path = tmp_path / "private.json"
    path.write_text("mine")
    write_private(path)
    assert path.read_text() == "mine"


def test_git_keeps_neither_secrets_nor_databases():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    private = [
        "user_data/private.json",
        "user_data/embedded.sqlite",
        "tradesv3.dryrun.sqlite",
        ".venv/bin/python",
    ]
    ignored = subprocess.run(
        ["git", "check-ignore", *private], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == private
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not re.findall(r"^.*(?:private\.json|\.sqlite.*|\.log)$", tracked, re.MULTILINE)


def test_the_embedded_exchange_listens_on_loopback_and_writes_only_where_told(tmp_path):
    with running_market(tmp_path, "--pairs", "BTC/USDT"):
        heard = {
            connection.laddr.ip
            for process in psutil.Process().children(recursive=True)
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
    assert heard == {"127.0.0.1"}
    # the log is what the test itself keeps of the process's words
    assert {path.name for path in tmp_path.iterdir()} == {"overlay.json", "printed"}


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_every_dependency_is_pinned_by_hash(lock):
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n|^ +#.*\n", "", text, flags=re.MULTILINE))
    for entry in entries:
        assert re.match(r"^[a-z0-9-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text


def test_the_lock_has_what_was_asked_for():
    lock = (ROOT / "requirements.txt").read_text()
    wanted = re.sub(r"\[[\w,]+\]", "", (ROOT / "requirements.in").read_text())
    asked = re.findall(r"^([\w-]+==\S+)", wanted, re.MULTILINE)
    assert f"freqtrade=={NEWEST_TRIED}" in asked
    for pin in asked:
        assert f"\n{pin.lower()} " in lock
    for extra in ("optuna", "plotly"):  # of freqtrade[hyperopt,plot]
        assert f"\n{extra}==" in lock


def test_the_oldest_ccxt_is_named_alike_and_freqtrade_has_no_upper_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"ccxt>={CCXT_FLOOR}" in project["dependencies"]
    assert not [line for line in project["dependencies"] if re.search("[<=]=|<", line)]


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("ensurepip", "Python's venv module is missing: apt-get install python3-venv"),
        ("version_info", "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 names one"),
    ],
)
def test_set_up_names_what_is_missing(tmp_path, refused, told):
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{refused}*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert make_trade(tmp_path, python) == told


def test_set_up_without_python(tmp_path):
    told = "Python 3.11 or newer is missing: apt-get install python3 python3-venv"
    assert make_trade(tmp_path, tmp_path / "nothing") == told


def test_set_up_without_a_network_is_one_line(tmp_path):
    """It was `No matching distribution found for aiohttp`."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    nowhere = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
        "PIP_NO_CACHE_DIR": "1",
    }
    command = ["make", "trade", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        command, cwd=tmp_path, env=nowhere, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 2
    told = done.stdout.splitlines()[-1]
    assert told == "PyPI cannot be reached: is there a network? build/pip.log has pip's own words"


def make_trade(folder: Path, python: Path) -> str:
    command = ["make", "trade", f"VENV={folder}/venv", f"PYTHON={python}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert not (folder / "venv").exists()
    return result.stdout.strip()
