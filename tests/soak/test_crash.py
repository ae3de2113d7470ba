"""A short soak with kills at every step."""

import json

import pytest

from tests.soak.short import run

pytestmark = pytest.mark.timeout(400)


def test_nothing_is_sold_twice_or_forgotten_after_kills():
    ended = run("tests.soak.crash", "--count", 6)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert json.loads(ended.stdout[ended.stdout.index("{") :])["kills"] == 6
