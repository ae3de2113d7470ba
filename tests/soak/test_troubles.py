"""A short soak with troubles of every kind."""

import json

import pytest

from tests.soak.short import run

pytestmark = pytest.mark.timeout(400)


def test_books_balance_after_troubles_of_every_kind(tmp_path):
    ended = run("tests.soak", "--hours", 2.5, "--every-minutes", 3, "--out", tmp_path / "soak")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    result = json.loads((tmp_path / "soak" / "result.json").read_text())
    assert len(result["troubles"]) == 34
    # the generated market is calm: so few hours see one round of entries, their targets and stops
    assert result["fills"] >= 5
    assert "database or disk is full" in result["restarts"]
