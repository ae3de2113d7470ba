"""`freqtrade-ext replica`: serve a generated market or a recording until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from freqtrade_ext.arguments import PairsAction, between, parser_of
from freqtrade_ext.replica.embedded import DEFAULT_PAIRS
from freqtrade_ext.replica.exchange import Exchange, generate
from freqtrade_ext.replica.overlay import LABEL, overlay
from freqtrade_ext.replica.playback import play
from freqtrade_ext.replica.scenarios import SCENARIOS
from freqtrade_ext.replica.server import HOST, Server

logger = logging.getLogger("freqtrade_ext.replica")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(
        "replica",
        "Serve an exchange on 127.0.0.1 that speaks Binance's protocol: an invented market, or a recording. "
        "Ctrl-C ends it.",
    )
    add = parser.add_argument
    add("--port", type=between(0, 65535), default=8790, help="on loopback; 0 takes a free one")
    add("--seed", type=int, default=1, help="the same seed gives the same market")
    add("--pairs", nargs="+", action=PairsAction, default=DEFAULT_PAIRS, metavar="PAIR")
    add("--scenario", choices=SCENARIOS, default="live")
    add("--activity", type=between(0.001, 100.0), default=1.0, help="factor on others' orders")
    add("--recording", type=Path, nargs="+", help="play these files instead, in this order")
    add("--speed", type=between(0.001, 1e6), default=1.0, help="recorded seconds per second")
    add("--loop", action="store_true", help="begin the recording anew when it ends")
    add("--futures", action="store_true", help="the configuration written trades USD-M perpetuals")
    add("--overlay", type=Path, help="write freqtrade's configuration here once serving")
    return parser.parse_args(arguments)


def _exchange(args: argparse.Namespace) -> Exchange:
    if args.recording:
        logger.warning("This is the %s: it plays a recording, and all orders stay here.", LABEL)
        return play(args.recording, args.speed, args.loop)
    logger.warning("This is the %s: rates, orders and trades are invented.", LABEL)
    return generate(args.pairs, args.seed, args.scenario, activity=args.activity)


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(_exchange(args))
    what = f"seed {args.seed}, scenario {args.scenario}"
    if args.recording:
        what = f"recording {args.recording[0].name}, speed {args.speed:g}"
    async with server.running(args.port) as port:
        url = f"http://{HOST}:{port}"
        if args.overlay is not None:
            config = overlay(url, is_futures=args.futures, is_recorded=bool(args.recording))
            args.overlay.write_text(json.dumps(config, indent=2) + "\n")
        print(f"listening on {url}, {len(server.exchange.running)} pairs, {what}", flush=True)
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where it could not serve."""
    known = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(known))
    except (ValueError, OSError) as error:
        print(f"freqtrade-ext replica: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
