"""What runs beside a bot that trades for real: a recorder of its market, and a paper bot with its signals."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.run.beside import StartError
from freqtrade_ext.run.places import services_off

TWIN_URL = "sqlite:///user_data/twin.sqlite"
RECORDINGS = Path("user_data/recordings")
RECORDED_MINUTES = 525_600
"""a year, unless the bot ends before"""


def check_mode(config: Mapping[str, Any], *, is_live: bool, has_twin: bool) -> None:
    """
    Make sure that real money is traded where both the command and the configuration say so.

    :raises StartError: one of them does not.
    """
    whole = deep_merge_dicts(environment_vars_to_dict(), dict(config))
    if is_live and whole.get("dry_run", True) is not False:
        raise StartError(
            "--live trades real money, and the configuration does not say dry_run: false; "
            "name one that does, e.g. --config user_data/live.json"
        )
    if has_twin and not is_live:
        raise StartError("--twin is a paper bot beside one that trades for real: it needs --live")


def twin_command(config: Mapping[str, Any], files: Sequence[str], folder: Path) -> list[str]:
    """
    Return what starts the paper twin: the same configuration and money, a database of its own, no services.

    :param config: of the live bot.
    :param files: that it comes from.
    :param folder: for the twin's overlay.
    """
    overlay: dict[str, Any] = {
        "bot_name": f"{config.get('bot_name', 'freqtrade')} paper twin",
        **services_off(config),
    }
    if (capital := config.get("available_capital")) is not None:
        # the paper account has what the live bot may use of its own
        overlay["dry_run_wallet"] = capital
    path = folder / "twin.json"
    path.write_text(json.dumps(overlay), encoding="utf-8")
    configs = [part for file in (*files, str(path)) for part in ("--config", file)]
    return [sys.executable, "-m", "freqtrade", "trade", "--dry-run", "--db-url", TWIN_URL, *configs]


def record_command(config: Mapping[str, Any], files: Sequence[str | Path]) -> list[str]:
    """
    Return what records the pairs of a configuration.

    :param files: that lead to the exchange.
    :raises StartError: the configuration lists no pairs.
    """
    pairs = config["exchange"].get("pair_whitelist")
    if not pairs:
        raise StartError("--record needs exchange.pair_whitelist in the configuration: it lists no pairs")
    command = [sys.executable, "-m", "freqtrade_ext", "record", "--exchange", config["exchange"]["name"]]
    command += ["--out", str(RECORDINGS), "--minutes", str(RECORDED_MINUTES), "--pairs", *pairs]
    return [*command, *(part for file in files for part in ("--config", str(file)))]
