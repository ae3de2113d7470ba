import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freqtrade_ext.report.command import main, start_balance
from freqtrade_ext.report.urls import default_url
from tests.report.database import database, fill_small

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_as_people_run_it(folder):
    (folder / "config.json").write_text(json.dumps({"dry_run": True, "dry_run_wallet": 1000}))
    fill_small(f"sqlite:///{folder}/tradesv3.dryrun.sqlite")
    done = subprocess.run(
        [sys.executable, "-m", "freqtrade_ext", "report"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # 7.453581 of 1000
    assert "Would it have earned money? Yes: +7.453 USDT (+0.75 %) after costs." in done.stdout
    assert "page: user_data/plot/report.html" in done.stdout
    assert done.stderr == ""
    page = (folder / "user_data" / "plot" / "report.html").read_text()
    assert "sqlite:///tradesv3.dryrun.sqlite" in page


def test_without_arguments_the_newest_of_paper_and_embedded_databases_is_taken(folder, capsys):
    (folder / "config.json").write_text(json.dumps({"dry_run": True, "dry_run_wallet": 1000}))
    names = ["user_data/embedded-20261101-090000.sqlite", "tradesv3.dryrun.sqlite"]
    (folder / "user_data").mkdir()
    for name in names:
        fill_small(f"sqlite:///{name}")
    for newest in names:
        # a running bot writes into the file beside it
        beside = folder / f"{newest}-wal"
        beside.touch()
        os.utime(beside, (2e9 + names.index(newest),) * 2)
        assert main([]) == 0
        assert f"database: sqlite:///{newest}\n" in capsys.readouterr().out
    (folder / "config.json").write_text(json.dumps({"db_url": "sqlite:///own.sqlite", "dry_run": True}))
    fill_small("sqlite:///own.sqlite")
    assert main([]) == 0
    assert "database: sqlite:///own.sqlite\n" in capsys.readouterr().out


def test_database_and_folder_can_be_named(folder, small_url, capsys):
    assert main(["--db-url", small_url, "--out", "some/where"]) == 0
    assert (folder / "some" / "where" / "report.html").stat().st_size > 10_000
    # no config.json here: nobody knows the balance that it began with
    assert "Yes: +7.453 USDT after costs" in capsys.readouterr().out


def test_an_empty_database_is_no_error(folder, capsys):
    with database("sqlite:///new.sqlite"):
        pass
    assert main(["--db-url", "sqlite:///new.sqlite", "--out", "."]) == 0
    assert capsys.readouterr().out == "No trades yet.\npage: report.html\n"
    assert "No trades yet." in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no database sqlite:///tradesv3.dryrun.sqlite: start the bot first"),
        (["--db-url", "nonsense"], "'nonsense' is no database URL"),
        (["--db-url", "SMALL", "--out", "file/folder"], "Not a directory"),
    ],
)
def test_errors_are_one_line(folder, small_url, capsys, arguments, message):
    (folder / "file").touch()
    assert main([small_url if argument == "SMALL" else argument for argument in arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("freqtrade-ext report: ")
    assert message in told.err
    assert told.err.count("\n") == 1


def test_a_broken_config_is_told_in_freqtrades_words(folder, capsys):
    (folder / "config.json").write_text("{")
    assert main([]) == 1
    assert "freqtrade-ext report: Parse error at offset 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "sqlite:///tradesv3.dryrun.sqlite"),
        ({"dry_run": True}, "sqlite:///tradesv3.dryrun.sqlite"),
        ({"dry_run": True, "db_url": "sqlite:///tradesv3.sqlite"}, "sqlite:///tradesv3.dryrun.sqlite"),
        ({"dry_run": True, "db_url": "sqlite:///mine.sqlite"}, "sqlite:///mine.sqlite"),
        ({"dry_run": False}, "sqlite:///tradesv3.sqlite"),
        ({"dry_run": False, "db_url": "postgresql://x/y"}, "postgresql://x/y"),
    ],
)
def test_default_url_is_freqtrades(config, expected):
    assert default_url(config) == expected


def test_url_from_the_environment(folder, monkeypatch, small_url, capsys):
    monkeypatch.setenv("FREQTRADE__DB_URL", small_url)
    assert main(["--out", "."]) == 0
    assert "Yes:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"dry_run": True, "dry_run_wallet": 500}, 500.0),
        ({"dry_run": True, "dry_run_wallet": {"USDT": 300, "BTC": 1}}, 300.0),
        ({"dry_run": True, "dry_run_wallet": {"BTC": 1}}, None),
        ({"dry_run": False, "dry_run_wallet": 500}, None),
        ({}, None),
    ],
)
def test_start_balance(config, expected):
    assert start_balance(config, "USDT") == expected
