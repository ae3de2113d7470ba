"""The pause between two loops, with a feed that notes what it is asked."""

import math

import pytest

from freqtrade_ext.feed.alarms import Alarm
from freqtrade_ext.strategy import pace
from freqtrade_ext.strategy.pace import IDLE_SECONDS, Pace, alarm_of
from tests.plan.test_position import bought, position
from tests.strategy.test_exits import PLAN


class Feed:
    def __init__(self):
        self.waits = []

    def wait(self, alarms, seconds):
        self.waits.append((dict(alarms), seconds))


@pytest.fixture
def clock(monkeypatch):
    clock = {"now": 1000.0}
    monkeypatch.setattr(pace.time, "monotonic", lambda: clock["now"])
    return clock


def test_a_loop_takes_the_throttle_with_its_pause(clock):
    feed, config = Feed(), {"internals": {"process_throttle_secs": 5}}
    paced = Pace(feed, config)
    assert config["internals"]["process_throttle_secs"] == IDLE_SECONDS
    paced.pause()
    assert feed.waits == [({}, 0.0)]
    clock["now"] += 2.0  # the loop's work
    paced.pause()
    clock["now"] += 9.0
    paced.pause()
    assert [seconds for _, seconds in feed.waits] == [0.0, 3.0, 0.0]


def test_freqtrade_s_own_throttle_counts_where_none_is_set(clock):
    feed, config = Feed(), {}
    paced = Pace(feed, config)
    paced.pause()
    paced.pause()
    assert feed.waits[1][1] == 5


def test_what_is_watched_counts_for_one_pause(clock):
    feed = Feed()
    paced = Pace(feed, {})
    paced.watch("BTC/USDT", PLAN, position(bought(1.0), stop_rate=98.0), 1)
    paced.pause()
    paced.pause()
    assert [alarms for alarms, _ in feed.waits] == [{"BTC/USDT": Alarm(False, 98.0, 104.0)}, {}]


@pytest.mark.parametrize(
    ("plan", "is_short", "stage", "low", "high"),
    [
        (PLAN, False, 0, 98.0, 102.0),
        (PLAN, False, 3, 98.0, math.inf),
        (None, False, 0, 98.0, math.inf),
        (None, True, 0, 0.0, 98.0),
    ],
)
def test_nothing_is_to_be_done_between_the_stop_and_the_next_target(plan, is_short, stage, low, high):
    held = position(bought(1.0), stop_rate=98.0, is_short=is_short)
    assert alarm_of(plan, held, stage) == Alarm(is_short, low, high)
