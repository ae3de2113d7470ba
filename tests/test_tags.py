import pytest

from freqtrade_ext import tags


@pytest.mark.parametrize(
    ("tag", "stage"),
    [
        ("tp1", 1),
        ("tp3", 3),
        ("tp10", 10),
        ("tp", 0),
        ("", 0),
        ("tp-1", 0),
        ("tp\u00b2", 0),
        ("1", 0),
        ("roi", 0),
    ],
)
def test_stage_of_a_tag(tag, stage):
    assert tags.stage_of(tag) == stage


def test_each_target_has_a_tag_of_its_own():
    assert [tags.stage_of(tags.target_tag(stage)) for stage in range(1, 11)] == list(range(1, 11))


@pytest.mark.parametrize("reason", ["tp2", "stop_loss", "trailing_stop_loss", "liquidation", "force_exit"])
def test_exits_of_the_plan_and_of_people_are_not_the_strategys(reason):
    assert tags.is_of_plan(reason)


@pytest.mark.parametrize("reason", ["exit_signal", "roi", "mine", "stop", ""])
def test_exits_of_the_strategy_are_its_own(reason):
    assert not tags.is_of_plan(reason)


@pytest.mark.parametrize(("text", "tag"), [(None, ""), ("tp1 | slippage", "tp1"), ("mine", "mine")])
def test_tag_of_an_order_without_what_was_added(text, tag):
    assert tags.tag_of(text) == tag
