"""Play recordings and add up what was found, as plain values ready for JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from freqtrade_ext.fidelity.pair import METHODS, PairReplay, Results
from freqtrade_ext.fidelity.playing import play
from freqtrade_ext.fidelity.reader import DEFAULT_STAKE
from freqtrade_ext.fidelity.score import Errors, figures
from freqtrade_ext.fidelity.sentences import pair_of
from freqtrade_ext.fills.queue import ESTIMATES
from freqtrade_ext.tape import Recording


def measure(
    paths: Iterable[str | os.PathLike[str]],
    progress: Callable[[int, int], None] | None = None,
    stake: float = DEFAULT_STAKE,
) -> tuple[dict[str, Any], dict[str, Errors]]:
    """
    Run the sweep test and the band for resting orders over recordings, played in the order given.

    :param progress: called now and then with bytes read and bytes in all.
    :param stake: of the reader's own orders, in quote units.
    :return: the report (shares are of 1, `*_bps` basis points, `*_ms` milliseconds), and the errors of all
        sweeps in bps by method.
    :raises RecordingError: for a file without one usable message.
    """
    recording = Recording(paths, progress=progress)
    results = Results()
    pairs: dict[str, PairReplay] = {}

    def new_pair(symbol: str) -> PairReplay:
        pairs[symbol] = PairReplay(results, symbol, stake)
        return pairs[symbol]

    started = time.perf_counter()
    events = play(recording, new_pair)
    for pair in pairs.values():
        pair.finish()
    seconds = time.perf_counter() - started
    speed = {"events": events, "events_per_second": round(events / seconds)}
    return _report(recording, pairs, results) | speed, results.scores.errors()["all"]


def _report(recording: Recording, pairs: dict[str, PairReplay], results: Results) -> dict[str, Any]:
    groups = {
        group: {method: figures(bps) for method, bps in methods.items()}
        for group, methods in results.scores.errors().items()
    }
    by_clock, same_book = (
        {group: methods.pop(method) for group, methods in groups.items()} for method in METHODS[2:]
    )
    offsets = [pair.offset_ms for pair in pairs.values() if pair.offset_ms is not None]
    return {
        "files": [str(path) for path in recording.paths],
        "symbol": ",".join(sorted(filter(None, pairs))),
        "skipped_lines": recording.skipped,
        "clock_offset_ms": min(offsets, default=None),
        "excluded": dict(results.excluded),
        "sweeps": groups,
        "alignment": {
            "own_update": results.aligned_by["own_update"],
            "clock": results.aligned_by["clock"],
            "without_best_bid_ask": sorted(symbol for symbol, pair in pairs.items() if not pair.has_tops),
            "ours_by_clocks_alone": by_clock,
        },
        "stock_on_our_book": same_book,
        "reader": {
            pair_of(symbol): pair.reader.figures() for symbol, pair in sorted(pairs.items()) if symbol
        },
        "resting": _resting([pair.joins.figures() for pair in pairs.values()]),
        "drift_bps": {f"{ms}ms": figures(np.array(moves))["mean_bps"] for ms, moves in results.drift.items()},
    }


def _resting(bands: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the pairs' bands, each weighing as many joins as it has."""
    joins = sum(band["joins"] for band in bands)
    rules = (*ESTIMATES, "stock")
    shares = {
        rule: sum((band[rule] or 0.0) * band["joins"] for band in bands) / joins if joins else None
        for rule in rules
    }
    return {"joins": joins, "within_s": bands[0]["within_s"] if bands else None, **shares}
