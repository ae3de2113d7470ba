"""How far a trade has got on its plan: what was sold where, what is left, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Position
from freqtrade_ext.text import rate_text

LEAST_PERCENT = 0.5
"""what rounds to 0 % is the remainder of a lot, not a part of the plan"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Parts of a position, in percent of what was entered."""

    sold: tuple[float, ...]
    """at each target"""
    elsewhere: float
    """at the stop, by a signal or by hand"""
    due: tuple[float, ...]
    """still to be sold at each target; not where the stop takes it, as that trails from there on"""

    @property
    def left(self) -> float:
        return max(100 - sum(self.sold) - self.elsewhere, 0.0)

    @property
    def next_target(self) -> int | None:
        """Return the index of the next target that sells something, None where there is none."""
        return next((index for index, percent in enumerate(self.due) if percent > LEAST_PERCENT), None)


def progress_of(plan: Plan, position: Position) -> Progress:
    """
    Compute what exits have done to a plan, by their amounts.

    An exit that jumped over targets counts for each of them with its share, the rest of it for its own.
    """
    sold = [0.0] * len(plan.shares)
    elsewhere, gone = 0.0, 0.0
    for target, part_sold in position.exits(plan.shares):
        gone += part_sold
        if not target:
            elsewhere += part_sold
            continue
        rest = part_sold
        for index in range(target - 1):
            part = min(max(plan.shares[index] - sold[index], 0.0), rest)
            sold[index] += part
            rest -= part
        sold[target - 1] += rest
    reached = max((index + 1 for index, percent in enumerate(sold) if percent > LEAST_PERCENT), default=0)
    due = [0.0] * len(plan.shares)
    for index in range(reached, len(plan.shares)):
        due[index] = max(sum(plan.shares[: index + 1]) - gone, 0.0)
        gone += due[index]
    if plan.trail_percent is not None:
        due[-1] = 0.0
    return Progress(tuple(sold), elsewhere, tuple(due))


def progress_text(plan: Plan, progress: Progress, stop_rate: float) -> str:
    """
    Format what is sold, what is left, and what comes next.

    :param stop_rate: where the stop stands now, quote per base.
    :return: `55 % sold, 45 % left, next 109,053, stop 103,552`.
    """
    gone = "bought back" if plan.is_short else "sold"
    parts = [f"{100 - progress.left:.0f} % {gone}, {progress.left:.0f} % left"]
    if progress.next_target is not None:
        parts.append(f"next {rate_text(plan.target_rates[progress.next_target])}")
    return ", ".join([*parts, f"stop {rate_text(stop_rate)}"])
