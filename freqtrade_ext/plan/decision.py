"""The facts a trade was decided on."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan, make_plan
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings

ENTRY_MS = 5 * 60 * 1000
"""A trade opens within this time after its decision."""


@dataclass(frozen=True, slots=True)
class Decision:
    """
    All that the plan of a trade is made of, but its entry rate.

    Kept until the entry has filled: a limit order may rest for long, and the bot may be restarted meanwhile.
    """

    made_ms: int
    is_short: bool
    state: MarketState
    account: AccountState
    stake_reason: str = ""

    def plan(self, entry_rate: float, settings: Settings) -> Plan:
        return make_plan(self.state, self.account, entry_rate, self.is_short, settings, self.stake_reason)

    def fits(self, is_short: bool, opened_ms: int) -> bool:
        """Return whether a trade of this direction, opened then, belongs to this decision."""
        return self.is_short == is_short and 0 <= opened_ms - self.made_ms <= ENTRY_MS

    def to_text(self) -> str:
        """Write the decision within the 255 characters that freqtrade's key-value store holds."""
        facts = [self.made_ms, self.is_short, astuple(self.state), astuple(self.account)]
        room = 255 - len(json.dumps(facts, separators=(",", ":"))) - len(',""')
        return json.dumps([*facts, self.stake_reason[:room]], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Decision | None:
        """Read what `to_text` wrote; None where it is something else."""
        try:
            made_ms, is_short, state, account, reason = json.loads(text)
            return cls(int(made_ms), bool(is_short), MarketState(*state), AccountState(*account), str(reason))
        except (TypeError, ValueError):
            return None
