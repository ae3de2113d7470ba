"""Keep plans: in memory for every loop and candle, in freqtrade's database for the next start."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from freqtrade.persistence import KeyValueStore, Trade

from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.plan import Plan, PlanError

logger = logging.getLogger(__name__)


class PlanBook:
    """
    Plans by trade id, and by pair the decision of which the next trade will come.

    `trade.get_custom_data` is a query per call in trading and a linear scan in backtests, hence the memory.
    """

    def __init__(self, has_database: bool, trail_percent: float | None = None) -> None:
        """:param trail_percent: of all plans, see there."""
        self._has_database, self._trail_percent = has_database, trail_percent
        self._plans: dict[int, Plan] = {}
        self._decisions: dict[str, Decision] = {}

    def known(self, trade: Trade) -> Plan | None:
        return self._plans.get(trade.id)

    def trailing(self, plan: Plan) -> Plan:
        """Return the plan with the trailing that the strategy has now."""
        return replace(plan, trail_percent=self._trail_percent)

    def restore(self, trade: Trade) -> Plan | None:
        """Return the plan that an earlier bot stored in the trade's custom data; None without one."""
        stored = trade.get_custom_data("plan") if self._has_database else None
        if stored is None:
            return None
        try:
            plan = self.trailing(Plan.from_json(stored))
        except PlanError as error:
            logger.error("%s: %s", trade.pair, error)
            return None
        self._plans[trade.id] = plan
        return plan

    def keep(self, trade: Trade, plan: Plan) -> None:
        # written first: what a full disk refuses is asked for again in the next loop
        trade.set_custom_data("plan", plan.to_json())
        self._plans[trade.id] = plan

    def decide(self, pair: str, decision: Decision) -> None:
        self._decisions[pair] = decision

    def decision_for(self, pair: str, is_short: bool, time: datetime) -> Decision | None:
        """Return the decision of which a trade of this pair and direction, opened then, came."""
        decision = self._decisions.get(pair)
        if decision is None and self._has_database:
            text = KeyValueStore.get_string_value(_key(pair))
            decision = None if text is None else Decision.from_text(text)
        opened_ms = int(time.timestamp() * 1000)
        return decision if decision is not None and decision.fits(is_short, opened_ms) else None

    def save_decision(self, pair: str) -> None:
        """Store the decision for a restart, while there is no trade yet to store it with."""
        if self._has_database:
            KeyValueStore.store_value(_key(pair), self._decisions[pair].to_text())


def _key(pair: str) -> str:
    return f"freqtrade_ext {pair}"[:50]
