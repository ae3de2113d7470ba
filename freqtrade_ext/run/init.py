"""`freqtrade-ext init`: put what is needed into the user directory of a freqtrade one already has."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException

from freqtrade_ext.arguments import parser_of
from freqtrade_ext.checks import SettingsError
from freqtrade_ext.run.places import default_config, overlay_file, strategy_file
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.advice import matters, replaced

STRATEGIES = ("managed.py", "paper.py")
OVERLAYS = ("binance_futures", "bybit", "hyperliquid", "live", "messages", "okx")


class InitError(RuntimeError):
    """Nothing can be put where it was asked for; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Put the strategy files into a user directory and say what to do next; 1 where that fails."""
    known = _parser().parse_args(arguments)
    try:
        for line in init(known.userdir, known.config or default_config(), known.overlays):
            print(line)
    except (InitError, OSError, OperationalException, SettingsError) as error:
        print(f"freqtrade-ext init: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "init",
        "Put the strategy files of freqtrade-ext into the user directory of a freqtrade that you already "
        "have, "
        "and say what to add to its configuration and what of that will matter. Changes no file of yours.",
    )
    parser.add_argument("--userdir", type=Path, default=Path("user_data"), help="default: %(default)s")
    parser.add_argument(
        "-c", "--config", type=Path, help="default: config.json, or user_data/config.json, as freqtrade does"
    )
    parser.add_argument(
        "--overlays",
        nargs="+",
        default=[],
        choices=OVERLAYS,
        metavar="NAME",
        help=f"of {', '.join(OVERLAYS)}",
    )
    return parser


def init(userdir: Path, config_path: Path, overlays: Sequence[str]) -> list[str]:
    """
    Copy the files, and return what to tell.

    :raises InitError: there is no user directory.
    :raises freqtrade.exceptions.OperationalException: the configuration cannot be read.
    """
    strategies = userdir / "strategies"
    if not userdir.is_dir():
        raise InitError(f"no folder {userdir} here: freqtrade create-userdir --userdir {userdir} makes one")
    strategies.mkdir(exist_ok=True)
    lines = [_copy(strategy_file(name), strategies / name) for name in STRATEGIES]
    lines += [_copy(overlay_file(f"{name}.json"), userdir / f"{name}.json") for name in overlays]
    if not config_path.exists():
        raise InitError(f"no {config_path} here: freqtrade new-config --config {config_path} makes one")
    config = load_from_files([str(config_path)])
    settings = Settings.from_config(config)
    lines += ["", *_proposal(config, config_path), ""]
    lines += _list(f"Of {config_path} will matter, whichever you choose:", matters(config))
    lines += _list("With `--strategy Managed`:", replaced(config, settings))
    return [*lines, "Next: freqtrade-ext doctor, then freqtrade trade --dry-run --strategy Paper"]


def _copy(source: Path, target: Path) -> str:
    if target.exists():
        is_same = target.read_bytes() == source.read_bytes()
        return (
            f"{target} is there already"
            if is_same
            else f"{target} is another file and stays: compare with {source}"
        )
    shutil.copyfile(source, target)
    return f"{target} is new"


def _proposal(config: Mapping[str, Any], path: Path) -> list[str]:
    """Return the section to add to the configuration, or that it has one."""
    if "freqtrade_ext" in config:
        return [f"{path} has a freqtrade_ext section."]
    named = config.get("strategy")
    section = {"strategy": named if named not in (None, "Paper", "Managed") else "YourStrategy"}
    return [
        f"Add to {path}, with the class name of your strategy:",
        f'    "freqtrade_ext": {json.dumps(section)}',
        "`--strategy Paper` runs it exactly as it is, with true fills; `--strategy Managed` takes its",
        "signals, and size, stop and targets from the plan.",
    ]


def _list(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  - {line}" for line in lines), ""] if lines else []
