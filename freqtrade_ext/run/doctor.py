"""`freqtrade-ext doctor`: check versions, configuration, exchange and pairs, and say what to do."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from platform import python_version
from statistics import median
from typing import Any

import ccxt
from freqtrade import __version__ as freqtrade_version
from freqtrade.configuration.config_setup import setup_utils_configuration
from freqtrade.enums import RunMode
from freqtrade.exceptions import FreqtradeException, OperationalException
from freqtrade.exchange import Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.arguments import parser_of
from freqtrade_ext.checks import SettingsError
from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.seams import check_seams, feed_warning, version_warning
from freqtrade_ext.paper.stock import ccxt_client
from freqtrade_ext.run.init import STRATEGIES
from freqtrade_ext.run.pair_checks import Finding, check_pair
from freqtrade_ext.run.places import default_config
from freqtrade_ext.settings import Measured, Settings
from freqtrade_ext.strategy.advice import matters, replaced, stake_limit
from freqtrade_ext.strategy.wrap import OURS, find_class

ROUND_TRIPS = 5
CLOCK_OFF_MS = 1000
"""Binance refuses signed requests from a clock that is ahead by more"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each finding; 1 where one of them keeps the bot from trading."""
    known = _parser().parse_args(arguments)
    # freqtrade's own log would hide the findings
    logging.disable(logging.CRITICAL)
    has_failed = False
    try:
        for verdict, text in examine(known.config or [str(default_config())]):
            has_failed |= verdict == "FAIL"
            print(f"{verdict:4} {text}", flush=True)
    finally:
        logging.disable(logging.NOTSET)
    return int(has_failed)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "doctor",
        "Check what a bot needs: versions, the configuration, the exchange and its clock, and for each "
        "pair lots, "
        "minimums and whether the order book carries the stake. Sends no order and needs no key.",
    )
    parser.add_argument(
        "-c",
        "--config",
        action="append",
        default=[],
        help="several are merged; default: config.json, or user_data/config.json",
    )
    return parser


def examine(files: Sequence[str]) -> Iterator[Finding]:
    """Return what was found, most basic first; ends where the rest would need what is missing."""
    yield from check_versions()
    missing = [file for file in files if not Path(file).exists()]
    if missing:
        yield "FAIL", f"no {missing[0]} here: run this where freqtrade runs, or name it with --config"
        return
    try:
        config = setup_utils_configuration({"config": list(files)}, RunMode.UTIL_EXCHANGE)
        settings = Settings.from_config(config)
    except (FreqtradeException, SettingsError) as error:
        yield "FAIL", f"configuration: {error}"
        return
    yield from check_config(config, settings)
    try:
        exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    except FreqtradeException as error:
        yield "FAIL", f"exchange: {error}"
        return
    try:
        yield from check_exchange(exchange, settings)
        for pair in config["exchange"].get("pair_whitelist", []):
            yield from check_pair(exchange, pair, _stake(config, settings))
    finally:
        exchange.close()


def check_versions() -> Iterator[Finding]:
    """Compare what is installed with what was tried."""
    yield "ok", f"Python {python_version()}, freqtrade {freqtrade_version}, ccxt {ccxt.__version__}"
    for warning in filter(None, (version_warning(), feed_warning())):
        yield "note", warning


def check_config(config: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """Return what of the configuration matters, and what the plan replaces."""
    own = config["original_config"]
    has_section = "freqtrade_ext" in own
    yield "ok", f"configuration: valid, {'with' if has_section else 'without'} a freqtrade_ext section"
    user_data = config["user_data_dir"]
    folders = {user_data / "strategies", Path(config.get("strategy_path") or user_data / "strategies")}
    for name in STRATEGIES:
        if not any((folder / name).exists() for folder in folders):
            yield "note", f"{name} is not among the strategies: freqtrade-ext init puts it there"
    if settings.strategy is not None:
        try:
            yield "ok", f"strategy: {settings.strategy}, in {find_class(settings.strategy, config).__file__}"
        except OperationalException as error:
            yield "FAIL", str(error)
    elif own.get("strategy") in (None, *OURS):
        yield "note", "freqtrade_ext.strategy names no strategy: Paper and Managed wrap the one that it names"
    for line in matters(own):
        yield "note", line
    for line in replaced(own, settings):
        yield "note", f"with Managed, {line}"


def check_exchange(exchange: Exchange, settings: Settings) -> Iterator[Finding]:
    """Ask the exchange for its markets and its time."""
    try:
        check_seams(type(exchange), PaperExchange, None)
    except OperationalException as error:
        yield "FAIL", str(error)
    if not exchange.markets:
        yield "FAIL", f"{exchange.name} does not answer: is there a network, and is it allowed where you are?"
        return
    yield "ok", f"{exchange.name} answers, {len(exchange.markets)} markets"
    try:
        trips = ask_the_time(ccxt_client(exchange))
    except ccxt.BaseError as error:
        yield "note", f"{exchange.name} does not tell its time: {type(error).__name__}"
        return
    if not trips:
        return
    yield _clock(min(trips)[1])
    yield _way(sorted(trip_ms for trip_ms, _ in trips), settings.latency_ms)


def ask_the_time(client: Any) -> list[tuple[float, float]]:
    """
    Return the round trips of some questions in ms, each with how far the local clock is ahead by it.

    :param client: of ccxt; empty where its exchange does not tell the time.
    """
    trips = []
    for _ in range(ROUND_TRIPS + 1):
        asked_ms = time.time() * 1000
        theirs_ms = client.fetch_time()
        answered_ms = time.time() * 1000
        if theirs_ms is None:
            return []
        trips.append((answered_ms - asked_ms, (asked_ms + answered_ms) / 2 - theirs_ms))
        # what ccxt makes the next request wait for its rate limit is no part of the way
        time.sleep(client.rateLimit / 1000)
    return trips[1:]  # the first one pays for the connection


def _clock(off_ms: float) -> Finding:
    if abs(off_ms) < CLOCK_OFF_MS:
        return "ok", f"this machine's clock agrees with the exchange's within {abs(off_ms):.0f} ms"
    way = "ahead of" if off_ms > 0 else "behind"
    return "FAIL", f"this machine's clock is {abs(off_ms) / 1000:.1f} s {way} the exchange's: set it by NTP"


def _way(trips_ms: Sequence[float], latency_ms: tuple[float, float] | Measured) -> Finding:
    """:param trips_ms: rising."""
    one_way_ms = median(trips_ms) / 2
    text = (
        f"a request takes {trips_ms[0]:.0f} to {trips_ms[-1]:.0f} ms there and back, an order some "
        f"{one_way_ms:.0f} ms one way"
    )
    if isinstance(latency_ms, str):
        return "ok", f"{text}: latency_ms follows it"
    low, high = latency_ms
    advice = f'{text}; latency_ms is {low:g} to {high:g}, "measured" draws from what is seen here'
    return "ok" if low <= one_way_ms <= high else "note", advice


def _stake(config: Mapping[str, Any], settings: Settings) -> float:
    return stake_limit(config["original_config"]) or settings.min_position
