"""The next exit of a position: what to sell at the targets reached, or why nothing now."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import ROUNDING, Position, round_down
from freqtrade_ext.tags import target_tag

PAUSES_SECONDS = (15, 15 * 60)
"""first and longest pause before a target is asked for again that moved nothing"""
STOP_PAUSES_SECONDS = (1, 15)
"""the same of an exit of the whole position: a dead book need not be asked in each loop"""
LOUD_TRIES = 8
"""so many exits that moved nothing are worth an error in the log"""


@dataclass(frozen=True, slots=True)
class Least:
    """What can be sold at the present rate, in base units."""

    part: float
    """smallest chunk, and smallest rest it may leave: freqtrade's minimum, which has a reserve"""
    whole: float
    """smallest amount that the exchange itself takes: enough where nothing is left behind"""
    most: float = math.inf
    """largest amount of one market order; a larger exit goes out in slices"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last exit that was asked for on a trade."""

    stage: int
    held: float
    """base units before it; less of them now means that it moved something"""
    tries: int
    again: datetime
    """not before then"""


@dataclass(frozen=True, slots=True)
class NextExit:
    """What is to be sold now; an amount of 0 is nothing, and `why_not` says why."""

    amount: float = 0.0
    """base units"""
    tag: str = ""
    attempt: Attempt | None = None
    """to be remembered for the next question"""
    why_not: str = ""


def next_exit(
    plan: Plan,
    position: Position,
    rate: float,
    least: Least,
    attempt: Attempt | None,
    now: datetime,
) -> NextExit:
    """
    Decide what a position sells at its targets now.

    A target that was reached once stays due, and what it could not sell is asked for again, after 15, 30,
    60 ... seconds and then every 15 minutes: a position is never given up.

    :param rate: quote per base that an exit would get.
    :param least: what can be sold at this rate.
    :param attempt: what the last call returned of this trade; None after a start.
    """
    # the stop takes the last share of a plan that trails
    targets = len(plan.shares) - (plan.trail_percent is not None)
    stage = min(max(plan.stage(rate), position.stage_asked), targets)
    if not stage:
        return NextExit(why_not="no target is reached")
    if position.is_busy:
        return NextExit(why_not="an order is open")
    if position.is_beyond_stop(rate):
        return NextExit(why_not="the stop is reached")
    amount = slice_of(due_amount(plan, position, stage, least), position, least)
    if not amount:
        return NextExit(why_not=f"nothing that can be sold is due at {target_tag(stage)}")
    following = next_attempt(attempt, stage, position.held, now)
    if following is None:
        return NextExit(why_not=f"{target_tag(stage)} moved nothing so far, it is asked for again later")
    return NextExit(amount, target_tag(stage), following)


def due_amount(plan: Plan, position: Position, stage: int, least: Least) -> float:
    """
    Return the amount to be sold at a target, in base units; 0 for nothing yet.

    Stateless: the share of all stages reached, less what has left already. A chunk that the exchange would
    not accept waits for the next target; a rest that it would not accept goes along now.

    :param stage: targets reached, ever.
    """
    held, left_share = position.held, 100 - sum(plan.shares[:stage])
    chunk = held
    if left_share >= ROUNDING:
        entered = position.entered(plan.shares)
        due = entered * (1 - left_share / 100) - (entered - held)
        chunk = min(held, round_down(max(0.0, due) * (1 + ROUNDING), position.lot))
        if chunk > 0 and held - chunk < least.part:
            chunk = held
    return chunk if chunk >= (least.whole if chunk == held else least.part) else 0.0


def slice_of(amount: float, position: Position, least: Least) -> float:
    """
    Return what one market order sells of an amount; the rest follows in the next loop.

    :param amount: base units, at most what is held.
    """
    if amount <= least.most:
        return amount
    most = min(least.most, position.held - least.part)
    return round_down(max(most, 0.0), position.lot) if position.lot else max(most, 0.0)


def merged(plan: Plan, position: Position, least_at: Callable[[float], Least]) -> Plan:
    """
    Return the plan with the shares that can be sold; its reason for the split says which target got which.

    A share below the minimum waits for the next target, and one that would leave less takes the rest along.

    :param position: as its entry left it.
    :param least_at: rate -> what can be sold at it.
    """
    left, shares, waiting = position.held, [0.0] * len(plan.shares), 0.0
    for index, (share, rate) in enumerate(zip(plan.shares, plan.target_rates, strict=True)):
        amount = due_amount(plan, replace(position, held=left), index + 1, least_at(rate)) if left else 0.0
        waiting += share
        if amount:
            left, shares[index], waiting = left - amount, waiting, 0.0
    sold = [number for number, share in enumerate(shares, 1) if share]
    small = [number for number, share in enumerate(plan.shares, 1) if share and number not in sold]
    if not small or not sold:
        return plan
    shares[sold[-1] - 1] += waiting
    where = ", ".join(f"{'all' if len(sold) == 1 else f'{shares[n - 1]:g}%'} at TP{n}" for n in sold)
    names = " and ".join(f"TP{number}" for number in small)
    words = f"{names} {'is' if len(small) == 1 else 'are'} below the minimum: {where}"
    return plan.with_shares(shares, words)


def is_unsellable(position: Position, rate: float, least: Least) -> bool:
    """
    Return whether a position that should shrink or go is less than the exchange takes.

    That is what exits have left of it, or what a thin book gave of an entry once the stop is reached.

    :param rate: quote per base that an exit would get.
    """
    has_shrunk = any(not fill.is_entry for fill in position.fills)
    return (has_shrunk or position.is_beyond_stop(rate)) and position.held < least.whole


def next_attempt(
    last: Attempt | None,
    stage: int,
    held: float,
    now: datetime,
    pauses: tuple[int, int] = PAUSES_SECONDS,
) -> Attempt | None:
    """
    Return the attempt to remember where an exit may be asked for now, else None.

    At once when target or position have changed since the last one, otherwise after growing pauses.

    :param stage: the target; 0 for an exit of the whole position.
    :param pauses: the first and the longest, in seconds.
    """
    if last is None or (last.stage, last.held) != (stage, held):
        last = Attempt(stage, held, 0, now)
    if now < last.again:
        return None
    first, longest = pauses
    pause = min(first * 2**last.tries, longest)
    return replace(last, tries=last.tries + 1, again=now + timedelta(seconds=pause))
