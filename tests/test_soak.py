"""Short forms of `make soak`: troubles of every kind, a feed that goes wrong, and kills at every step."""

import json
import subprocess
import sys

import pytest

from tests.bot_process import ENVIRONMENT, ROOT

pytestmark = pytest.mark.timeout(400)


def run(*arguments):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=380, check=False
    )


def test_books_balance_after_troubles_of_every_kind(tmp_path):
    ended = run("tests.soak", "--hours", 2, "--every-minutes", 3, "--out", tmp_path / "soak")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    result = json.loads((tmp_path / "soak" / "result.json").read_text())
    assert len(result["troubles"]) == 33
    # the generated market is calm: two hours see one round of entries, their targets and stops
    assert result["fills"] >= 5
    assert "database or disk is full" in result["restarts"]


def test_feed_that_goes_wrong_harms_nothing(tmp_path):
    ended = run("tests.soak.feed", "--minutes", 0.3, "--out", tmp_path / "soak")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    result = json.loads((tmp_path / "soak" / "result.json").read_text())
    assert len(result["troubles"]) == 10
    assert result["fills"] >= 3


def test_nothing_is_sold_twice_or_forgotten_after_kills():
    ended = run("tests.soak.crash", "--count", 10)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert json.loads(ended.stdout[ended.stdout.index("{") :])["kills"] == 10
