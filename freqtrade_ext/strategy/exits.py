"""Ask for the partial exits of a plan: what is due at the targets reached, and again where it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from freqtrade.persistence import Trade

from freqtrade_ext.plan.attempts import MAX_TRIES, Attempt, next_attempt
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy import position

logger = logging.getLogger(__name__)


class Exits:
    """What was asked for of each open trade, by trade id."""

    def __init__(self, least_stake: Callable[[str, float], float]) -> None:
        """
        :param least_stake: pair and rate -> stake currency that freqtrade lets an exit leave at least. It
            refuses less in silence (2026.9 freqtradebot.py `check_and_call_adjust_trade_position`).
        """
        self._least_stake = least_stake
        self._attempts: dict[int, Attempt] = {}
        # stage and amount of which nothing is due: what is too little waits for the next target
        self._settled: dict[int, tuple[int, float]] = {}

    def due(
        self, trade: Trade, plan: Plan, stage: int, rate: float, now: datetime
    ) -> tuple[float, str] | None:
        """
        Return what `adjust_trade_position` is to return: minus the stake it cost, and the target's tag.

        :param stage: targets that `rate` reaches; those reached before stay due.
        """
        if not stage and len(trade.orders) == 1:
            return None
        stage = max(stage, position.stage_asked(trade))
        if not stage or self._settled.get(trade.id) == (stage, trade.amount):
            return None
        amount = plan.due_amount(
            stage,
            position.entered_amount(trade),
            trade.amount,
            self._least_stake(trade.pair, rate) / rate,
            partial(position.round_amount, trade),
        )
        if not amount:
            self._settled[trade.id] = (stage, trade.amount)
            return None
        if not self._may_ask(trade, stage, now):
            return None
        return -position.stake_for(trade, amount), f"tp{stage}"

    def _may_ask(self, trade: Trade, stage: int, now: datetime) -> bool:
        attempt = next_attempt(self._attempts.get(trade.id), stage, trade.amount, now)
        if attempt is None:
            return False
        self._attempts[trade.id] = attempt
        if attempt.tries == MAX_TRIES:
            logger.error(
                "%s: tp%s moved nothing so far, after this attempt it waits for the next target",
                trade.pair,
                stage,
            )
        return True
