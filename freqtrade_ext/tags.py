"""Tags of orders: freqtrade's statistics group by them, so each kind of exit keeps one for good."""

from __future__ import annotations

TAG_END = "| "
"""between the tag that an order was placed with and what is added once it has filled"""

STOPS = frozenset({"stop_loss", "trailing_stop_loss", "stoploss_on_exchange"})
"""exit reasons of a trade that ended at its stop"""

TIME_LIMIT = "time_limit"
OTHERS = frozenset({TIME_LIMIT, "liquidation", "force_exit", "emergency_exit", "partial_exit"})
"""exit reasons that neither a strategy's signal nor a target gave"""


def target_tag(stage: int) -> str:
    """Return the tag of exits at a target, counted from 1."""
    return f"tp{stage}"


def stage_of(tag: str) -> int:
    """Return the target an exit with this tag belongs to, counted from 1; 0 for none."""
    number = tag.removeprefix("tp")
    return int(number) if number != tag and number.isascii() and number.isdigit() else 0


def is_of_plan(reason: str) -> bool:
    """Return whether an exit is one of the plan's or of a person, not of the strategy's own rules."""
    return reason in STOPS or reason in OTHERS or stage_of(reason) > 0


def tag_of(text: str | None) -> str:
    """Return the tag an order was placed with, without what was added when it filled."""
    return (text or "").partition(TAG_END)[0].rstrip()
