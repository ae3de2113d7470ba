"""Show own orders beside what the paper engine predicts for them, and say what to set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from freqtrade_ext.fidelity.own_figures import AIM_BPS, AIM_POINTS, CAUSES, LEAST

WAYS = {"there": "decision to the exchange", "back": "exchange to the answer"}


def tables(found: dict[str, Any]) -> list[Table]:
    """Lay out the figures of `own_figures`."""
    return [_errors(found), _latency(found["latency_ms"]), _limit(found["limit"])]


def _table(title: str, first: str, *columns: str, caption: str | None = None) -> Table:
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _errors(found: dict[str, Any]) -> Table:
    left_out = ", ".join(f"{count} {why}" for why, count in found["left_out"].items()) or "none"
    market = found["market"]
    table = _table(
        "Market orders: paid more than predicted, mean in bps",
        "",
        "n",
        "total",
        "95 % interval",
        *CAUSES[1:],
        caption=f"{found['orders']} orders; left out: {left_out}",
    )
    for name, row in {"all": market["all"], **market["by_pair"], **market["by_size"]}.items():
        total, *causes = (row[cause] for cause in CAUSES)
        edges = _interval(total["interval"], "+.2f")
        means = [_number(cause["mean"], "+.2f") for cause in causes]
        table.add_row(name, str(row["n"]), _number(total["mean"], "+.2f"), edges, *means)
    return table


def _latency(ways: dict[str, Any]) -> Table:
    table = _table("The way of an order, ms", "", "n", "mean", "95 % interval", "p5", "p50", "p95")
    for way, label in WAYS.items():
        row = ways[way]
        numbers = [_number(row[name], ".0f") for name in ("p5", "p50", "p95")]
        table.add_row(
            label, str(row["n"]), _number(row["mean"], ".0f"), _interval(row["interval"], ".0f"), *numbers
        )
    return table


def _limit(limit: dict[str, Any]) -> Table:
    truth = _number(limit["truth"], ".1f")
    table = _table(
        f"{limit['n']} limit orders, of which {truth} % were filled",
        "estimate",
        "points too often",
        "95 % interval",
        "wrong",
        "seconds later",
    )
    for name, row in limit["estimates"].items():
        bias, edges = _number(row["bias"], "+.1f"), _interval(row["interval"], "+.1f")
        table.add_row(name, bias, edges, _number(row["wrong"], ".1f"), _number(row["late_seconds"], "+.1f"))
    return table


def _interval(edges: list[float] | None, form: str) -> str:
    return "-" if edges is None else f"{edges[0]:{form}} to {edges[1]:{form}}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def sentences(found: dict[str, Any]) -> Iterator[str]:
    """Return what to set, once there are enough orders for that."""
    yield _latency_advice(found["latency_ms"])
    yield _fee_advice(found["fees"])
    yield _queue_advice(found["limit"])
    yield _enough(found["market"]["all"], found["limit"])


def _latency_advice(ways: dict[str, Any]) -> str:
    way = "there" if ways["there"]["n"] >= LEAST else "back"
    row = ways[way]
    if row["n"] < LEAST:
        most = max(ways["there"]["n"], ways["back"]["n"])
        return f"latency_ms: not enough data ({most} orders whose way is known, {LEAST} needed)."
    low, high = row["interval"]
    text = f'Set "latency_ms": [{max(row["p5"], 0):.0f}, {max(row["p95"], 0):.0f}]: '
    text += f"on average {row['mean']:.0f} ms ({low:.0f} to {high:.0f}) {WAYS[way]}, {row['n']} orders"
    if way == "back":
        return f"{text}; nobody noted when they were decided on, so the way there is taken to be as long."
    return f"{text}. It is too long by the way of the recording's fastest message, which is taken for none."


def _fee_advice(fees: dict[str, Any]) -> str:
    if not fees["n"]:
        return "fee_asset: not enough data (no order was filled)."
    assets = max(fees["assets"], key=fees["assets"].__getitem__)
    return (
        f'Set "fee_asset": "{assets}": so paid {fees["assets"][assets]} of {fees["n"]} orders, '
        f"{fees['ratio']:.4%} of their value, where {fees['predicted']:.4%} is predicted."
    )


def _queue_advice(limit: dict[str, Any]) -> str:
    if limit["n"] < LEAST:
        return f"maker_fill: not enough data ({limit['n']} limit orders, {LEAST} needed)."
    estimates = limit["estimates"]
    best = min(estimates, key=lambda name: (abs(estimates[name]["bias"]), estimates[name]["wrong"]))
    told = ", ".join(
        f"{name} {row['bias']:+.1f} ({row['interval'][0]:+.1f} to {row['interval'][1]:+.1f})"
        for name, row in estimates.items()
    )
    return f'"maker_fill": "{best}" is nearest. Of {limit["n"]} limit orders, points too often: {told}.'


def _enough(market: dict[str, Any], limit: dict[str, Any]) -> str:
    of_market = market["needed"] or "more"
    of_limit = max(row["needed"] or 0 for row in limit["estimates"].values()) or "more"
    return (
        f"Enough are {of_market} market orders for a mean error known to {AIM_BPS:g} bp, there are "
        f"{market['n']}; and {of_limit} limit orders for shares known to {AIM_POINTS:g} points, there are "
        f"{limit['n']}."
    )
