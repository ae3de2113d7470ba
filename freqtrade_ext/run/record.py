"""
`freqtrade-ext record`: record an exchange's order books and trades as they are told.

Each file holds one pair and one uninterrupted stretch of time: a snapshot of the book, then the messages of
the streams as they came, one a line as `<local time in ns> <JSON>`. A new file begins each hour and after
each gap. `freqtrade_ext.tape` reads them, the embedded exchange plays those of Binance.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.arguments import PairsAction, between, parser_of
from freqtrade_ext.feed.sockets import first_of
from freqtrade_ext.run.record_orders import OrderRecorder
from freqtrade_ext.run.record_pair import PairRecorder
from freqtrade_ext.run.record_venue import FUTURES, VenueRecorder
from freqtrade_ext.tape.writer import RecordError

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1
REPORT_SECONDS = 60
RECORDERS = {"binance": PairRecorder, "bitstamp": OrderRecorder}
"""of exchanges whose messages are not those of ccxt.pro's streams"""
CCXT_OPTIONS: dict[str, Any] = {"fetchMargins": False, "fetchCurrencies": False}


async def record(
    config: Mapping[str, Any], pairs: Sequence[str], seconds: float, folder: Path, exchange: str = "binance"
) -> None:
    """
    Record the pairs for some time, or until cancelled; files are whole either way.

    :param config: freqtrade's configuration, of which `exchange.ccxt_config` leads to the exchange.
    :param exchange: "bitstamp" tells of each order, the others of levels.
    :raises RecordError: the exchange does not answer or does not trade a pair, or a file cannot be written.
    """
    types = {FUTURES.get(exchange, "spot") if ":" in pair else "spot" for pair in pairs}
    options = CCXT_OPTIONS | {"fetchMarkets": {"types": sorted(types)}}
    ours = {"options": options, "enableRateLimit": True}
    settings = deep_merge_dicts(config.get("exchange", {}).get("ccxt_config", {}), ours)
    new_client = partial(getattr(ccxt.pro, exchange), settings)
    recorder = RECORDERS.get(exchange) or partial(VenueRecorder, new_client)
    client = new_client()
    try:
        await _check(client, pairs)
        folder.mkdir(parents=True, exist_ok=True)
        async with aiohttp.ClientSession(trust_env=client.aiohttp_trust_env) as session:
            recorders = [recorder(client, session, pair, folder) for pair in pairs]
            await _run(recorders, seconds)
    except OSError as error:
        raise RecordError(f"cannot use --out {folder}: {error.strerror}") from error
    finally:
        await client.close()


async def _check(client: Any, pairs: Sequence[str]) -> None:
    try:
        await client.load_markets()
    except ccxt.BaseError as error:
        raise RecordError(f"{client.id} does not answer: {type(error).__name__}: {error}") from error
    for pair in pairs:
        if pair not in client.markets:
            base = pair.partition("/")[0]
            similar = sorted(name for name in client.markets if name.startswith(base + "/"))[:8]
            hint = f"; with {base} there are {', '.join(similar)}" if similar else ""
            kind = "futures have" if client.id in FUTURES and ":" in pair else "spot has"
            raise RecordError(f"{client.id} {kind} no pair {pair}{hint}")


async def _run(recorders: Sequence[PairRecorder], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for recorder in recorders:
                tasks.create_task(recorder.run())
            tasks.create_task(_report(recorders, seconds))
    except TimeoutError:
        pass
    except ExceptionGroup as group:
        raise first_of(group) from None
    finally:
        print(file=sys.stderr)
        for recorder in recorders:
            logger.info("%s: %d messages, %d gaps", recorder.pair, recorder.messages, recorder.gaps)


async def _report(recorders: Sequence[PairRecorder], seconds: float) -> None:
    """Flush each second, and show how it goes: a line that renews itself, or a line a minute in a log."""
    started = reported = time.monotonic()
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        sizes = [recorder.flush() for recorder in recorders]
        now = time.monotonic()
        parts = [
            f"{r.pair} {r.messages:,} messages {size / 1e6:.1f} MB{f' {r.gaps} gaps' if r.gaps else ''}"
            for r, size in zip(recorders, sizes, strict=True)
        ]
        text = f"{(now - started) / 60:.1f} of {seconds / 60:g} min | " + " | ".join(parts)
        if sys.stderr.isatty():
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif now - reported >= REPORT_SECONDS:
            reported = now
            logger.info("%s", text)


async def _until_stopped(work: asyncio.Task[None]) -> None:
    """End the work in order on Ctrl-C and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        logger.info("stopped")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(
        "record",
        "Record order books and trades, or each order of Bitstamp, one file per pair and hour, for "
        "`fidelity`; those of Binance also for `replica --recording`. Ctrl-C ends it; the files are whole.",
    )
    parser.add_argument(
        "--exchange",
        choices=sorted([*RECORDERS, *FUTURES]),
        default="binance",
        help="binance and bitstamp: spot alone; the others: futures too, as BTC/USDT:USDT",
    )
    parser.add_argument(
        "--orders",
        action="store_true",
        help="order by order, for `fidelity --resting`: what bitstamp tells, and binance does not",
    )
    parser.add_argument("--pairs", required=True, nargs="+", action=PairsAction, metavar="PAIR")
    parser.add_argument("--minutes", type=between(0.001, 1e6), default=60, help="default: %(default)g")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--config", action="append", default=[], help="of freqtrade, e.g. an overlay")
    args = parser.parse_args(arguments)
    if args.orders != (args.exchange == "bitstamp"):
        parser.error("--orders is for --exchange bitstamp, which is recorded order by order alone")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where it could not record."""
    args = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")

    async def work() -> None:
        recording = record(config, args.pairs, args.minutes * 60, args.out, args.exchange)
        await _until_stopped(asyncio.create_task(recording))

    try:
        config = load_from_files(args.config) if args.config else {}
        asyncio.run(work())
    except (RecordError, OperationalException) as error:
        print(f"freqtrade-ext record: {error}", file=sys.stderr)
        return 1
    return 0
