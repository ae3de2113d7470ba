"""A short soak with a feed that goes wrong."""

import json

import pytest

from tests.soak.short import run

pytestmark = pytest.mark.timeout(400)


def test_feed_that_goes_wrong_harms_nothing(tmp_path):
    ended = run("tests.soak.feed", "--minutes", 0.3, "--out", tmp_path / "soak")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    result = json.loads((tmp_path / "soak" / "result.json").read_text())
    assert len(result["troubles"]) == 12
    assert result["fills"] >= 3
