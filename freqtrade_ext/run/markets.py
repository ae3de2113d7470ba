"""`freqtrade-ext replay --seeds 1-100`: one strategy on many markets, and what they say together."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqtrade import __version__ as freqtrade_version
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from rich.console import Console

from freqtrade_ext.report.spread import spread_of, spread_tables
from freqtrade_ext.report.terminal import print_table
from freqtrade_ext.run.workers import MarketsError, run_markets


def replay_markets(known: argparse.Namespace) -> int:
    """Replay many markets, and show what they say together."""
    common = ["--days", f"{known.days}", "--scenario", known.scenario, "--activity", f"{known.activity}"]
    common += ["--config", *map(str, known.config)]
    common += ["--pairs", *known.pairs] if known.pairs else []
    common += ["--strategy", known.strategy] if known.strategy else []
    common += ["--every-loop"] if known.every_loop else []
    try:
        markets = markets_of(known.seeds or [known.seed], known.recording)
        folder = known.report / "markets"
        folder.mkdir(parents=True, exist_ok=True)
        config = load_from_files([str(file) for file in known.config])
        files = result_files(markets, common, config, folder)
        found = run_markets(markets, common, files, known.jobs, known.scheduler)
        spread = spread_of(list(found.values()))
        out = known.json or known.report / "markets.json"
        out.write_text(json.dumps({**spread, "each": found}, indent=2) + "\n")
    except KeyboardInterrupt:
        print("interrupted: the same command goes on with the markets that are not done")
        return 130
    except (MarketsError, OperationalException, OSError, ValueError) as error:
        print(f"freqtrade-ext replay: {error}", file=sys.stderr)
        return 1
    for table in spread_tables(spread):
        print_table(table, Console())
    print(f"{out}; each market: {folder}")
    return 0 if len(found) == len(markets) else 1


def seeds_of(text: str) -> list[int]:
    """Read `1-100` or `1-10,20,31` into seeds; an argparse type."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        seeds += range(int(first), int(last if dash else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"must be seeds such as 1-100, is {text}")
    return list(dict.fromkeys(seeds))


def markets_of(seeds: Sequence[int], recordings: Sequence[Path]) -> dict[str, list[str]]:
    """
    Return what to replay: name of a market -> arguments of `freqtrade-ext replay`.

    :param recordings: files, which are one market, or folders, each a market of its own.
    """
    folders = [path for path in recordings if path.is_dir()]
    played = {f"{path.name}-": sorted(file for file in path.iterdir() if file.is_file()) for path in folders}
    played = played or {"": list(recordings)}
    return {
        f"{name}seed-{seed}": ["--seed", f"{seed}", *(["--recording", *map(str, files)] if files else [])]
        for name, files in played.items()
        for seed in seeds
    }


def result_files(
    markets: dict[str, list[str]], common: Sequence[str], config: dict[str, Any], folder: Path
) -> dict[str, Path]:
    """
    Return where the result of each market belongs.

    What decides it is part of the name: an answer to another configuration or strategy, or of another version
    of this package, is none to this one.

    :param config: freqtrade's, of which the strategies' folders count as well.
    """
    places = [Path(config.get("strategy_path") or "."), Path(config.get("user_data_dir") or "user_data")]
    own = Path(__file__).parents[1].rglob("*.py")
    sources = sorted({*places[0].glob("*.py"), *places[1].glob("strategies/**/*.py"), *own})
    told = [config, list(common), freqtrade_version, *(file.read_text(errors="replace") for file in sources)]
    files = {}
    for name, arguments in markets.items():
        sizes = [path.stat().st_size for path in map(Path, arguments) if path.is_file()]
        text = json.dumps([*told, arguments, sizes], sort_keys=True, default=str)
        files[name] = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    return files
