"""What exits have done to a plan, by amounts and not by the names of the orders."""

import pytest

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Fill, Position
from freqtrade_ext.plan.progress import progress_of, progress_text

PLAN = Plan(
    is_short=False,
    entry_rate=100.0,
    stop_rate=98.8,
    target_rates=(102.0, 104.0, 108.0),
    shares=(25.0, 30.0, 45.0),
    stop_percent=1.2,
    target_percents=(2.0, 4.0, 8.0),
    reasons=("", "", ""),
)


def sold_of(entered, exits):
    """A position of which each exit, (target, amount), sold something."""
    fills = (Fill(True, entered, 100.0), *(Fill(False, amount, 102.0, target) for target, amount in exits))
    held = entered - sum(amount for _, amount in exits)
    asked = max((target for target, _ in exits), default=0)
    return Position(is_short=False, held=held, fills=fills, stage_asked=asked, stop_rate=98.8, lot=0.0)


@pytest.mark.parametrize(
    ("exits", "sold", "elsewhere", "due"),
    [
        ([], (0, 0, 0), 0, (25, 30, 45)),
        ([(1, 1.0)], (25, 0, 0), 0, (0, 30, 45)),
        ([(1, 1.0), (2, 1.2), (3, 1.8)], (25, 30, 45), 0, (0, 0, 0)),
        # what is asked for next is not what an earlier target left
        ([(1, 1.0), (2, 0.4)], (25, 10, 0), 0, (0, 0, 65)),
        # half a percent is the remainder of a lot
        ([(1, 0.02)], (0.5, 0, 0), 0, (24.5, 30, 45)),
        ([(1, 0.04)], (1, 0, 0), 0, (0, 54, 45)),
        # a gap over all targets, one over the first
        ([(3, 4.0)], (25, 30, 45), 0, (0, 0, 0)),
        ([(2, 2.2)], (25, 30, 0), 0, (0, 0, 45)),
        # what is too little to be left goes along
        ([(1, 1.0), (2, 3.0)], (25, 75, 0), 0, (0, 0, 0)),
        # by hand: nothing for the first target, half for the second
        ([(0, 1.6)], (0, 0, 0), 40, (0, 15, 45)),
        ([(1, 1.0), (0, 3.0)], (25, 0, 0), 75, (0, 0, 0)),
        # filled in two parts
        ([(1, 0.6), (1, 0.4)], (25, 0, 0), 0, (0, 30, 45)),
    ],
)
def test_what_was_sold_where(exits, sold, elsewhere, due):
    progress = progress_of(PLAN, sold_of(4.0, exits))
    assert progress.sold == pytest.approx(sold)
    assert progress.elsewhere == pytest.approx(elsewhere)
    assert progress.due == pytest.approx(due)
    assert progress.left == pytest.approx(100 - sum(sold) - elsewhere)


def test_the_text_says_what_comes_next():
    progress = progress_of(PLAN, sold_of(4.0, [(1, 1.0), (2, 1.2)]))
    assert progress_text(PLAN, progress, 99.5) == "55 % sold, 45 % left, next 108.00, stop 99.50"
    over = progress_of(PLAN, sold_of(4.0, [(0, 4.0)]))
    assert progress_text(PLAN, over, 99.5) == "100 % sold, 0 % left, stop 99.50"


def test_an_increase_leaves_what_was_sold_to_the_old_coins():
    fills = (Fill(True, 100.0, 100.0), Fill(False, 25.0, 102.0, 1), Fill(True, 75.0, 103.0))
    grown = Position(is_short=False, held=150.0, fills=fills, stage_asked=1, stop_rate=98.8, lot=0.0)
    progress = progress_of(PLAN, grown)
    assert (progress.sold, progress.left) == ((25.0, 0.0, 0.0), 75.0)
    assert progress.due == pytest.approx((0, 30, 45))
