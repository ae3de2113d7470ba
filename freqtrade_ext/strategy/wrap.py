"""Find a strategy by its class name and make a managed one of it; its file stays as it is."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from inspect import getfullargspec
from os import walk
from pathlib import Path
from typing import Any

from freqtrade.constants import USERPATH_STRATEGIES
from freqtrade.exceptions import OperationalException
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IStrategy

from freqtrade_ext.settings import Settings, SettingsError
from freqtrade_ext.strategy.managed import ManagedStrategy
from freqtrade_ext.strategy.signals import SignalStrategy
from freqtrade_ext.strategy.wrapped import Wrapping

logger = logging.getLogger(__name__)

GIVES_WAY = {
    "custom_stake_amount": None,
    "custom_stoploss": None,
    "adjust_trade_position": None,
    "custom_exit": "custom_exit",
    "minimal_roi": "roi",
    "custom_roi": "roi",
    "populate_exit_trend": "exit_signal",
    "populate_sell_trend": "exit_signal",
}
"""what a strategy may have of its own -> the value of the setting `keep` that keeps it"""


def managed(config: Mapping[str, Any]) -> type[ManagedStrategy]:
    """
    Make a managed strategy of the class that `freqtrade_ext.strategy` names.

    :param config: freqtrade's configuration.
    :raises OperationalException: there is no such class, or it cannot be managed; the message says why.
    """
    try:
        settings = Settings.from_config(config)
    except SettingsError as error:
        raise OperationalException(str(error)) from error
    if settings.strategy in (None, "Managed"):
        raise OperationalException(
            "freqtrade_ext.strategy must name the strategy that Managed wraps, "
            f"is {settings.strategy or 'not set'}"
        )
    theirs = find_class(settings.strategy, config)
    if issubclass(theirs, ManagedStrategy):
        return theirs
    if issubclass(theirs, IStrategy):
        return wrap(theirs, settings)
    if callable(getattr(theirs, "generate_signal", None)):
        own = {"signal_class": theirs, "__file__": theirs.__file__, "__source__": theirs.__source__}
        return type(theirs.__name__, (SignalStrategy,), own)
    raise OperationalException(
        f"{theirs.__name__} cannot be managed: it is neither a freqtrade strategy nor has it generate_signal"
    )


def wrap(theirs: type[IStrategy], settings: Settings) -> type[ManagedStrategy]:
    """
    Put ManagedStrategy before a strategy, as `class Mine(ManagedStrategy, Theirs)` does.

    It keeps the name, which freqtrade looks for in files of hyperopted parameters and writes with trades.

    :raises OperationalException: it uses names that ManagedStrategy needs, or is of interface version 1.
    """
    own = {name for base in theirs.__mro__ if base not in IStrategy.__mro__ for name in vars(base)}
    if clash := sorted(own & names_needed()):
        raise OperationalException(
            f"{theirs.__name__} cannot be managed: ManagedStrategy uses {', '.join(clash)} itself, "
            "rename what it has of that name"
        )
    if len(getfullargspec(theirs.populate_indicators).args) == 2:
        raise OperationalException(
            f"{theirs.__name__} cannot be managed: freqtrade no longer runs interface version 1, "
            "where populate_indicators takes no metadata"
        )
    gone = [name for name, keep in GIVES_WAY.items() if name in own and keep not in settings.keep]
    logger.info(
        "%s runs managed: it keeps %s; to the plan give way its stake, stop, trailing and targets%s",
        theirs.__name__,
        ", ".join(settings.keep) or "no exits",
        f" ({', '.join(gone)})" if gone else "",
    )
    return type(theirs.__name__, (ManagedStrategy, theirs), {})


def names_needed() -> set[str]:
    """Name what ManagedStrategy has beyond freqtrade's own interface."""
    names = {name for base in (ManagedStrategy, Wrapping) for name in (*vars(base), *base.__annotations__)}
    names -= {*dir(IStrategy), *IStrategy.__annotations__}
    return {name for name in names if not name.startswith("__")}


def find_class(name: str, config: Mapping[str, Any]) -> type[Any]:
    """
    Find a class on freqtrade's strategy path, a strategy or not.

    freqtrade's own search takes strategies only, and only where `class Name(` is written.

    :raises OperationalException: it is not there, or its file cannot be imported.
    """
    strategies = config["user_data_dir"] / USERPATH_STRATEGIES
    deeper = [folder for folder, _, _ in walk(strategies)] if config.get("recursive_strategy_search") else []
    paths = _AnyClass.build_search_paths(config, USERPATH_STRATEGIES, deeper)
    files = [file for path in paths if path.is_dir() for file in sorted(path.glob("*.py"))]
    written = re.compile(rf"^class {re.escape(name)}\b", re.MULTILINE)
    defining = [file for file in files if written.search(_text(file))]
    for file in defining:
        for found, source in _AnyClass._get_valid_object(file.resolve(), name):
            found.__file__, found.__source__ = str(file), source
            return found
    why = f"no file in {', '.join(map(str, dict.fromkeys(paths)))} defines this class"
    if defining:
        why = f"{defining[0]} cannot be imported, the warning before this says why"
    raise OperationalException(f"freqtrade_ext.strategy is {name}: {why}")


def _text(file: Path) -> str:
    """Return what is written in a file; nothing where it is a dangling link or cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        logger.warning("%s is skipped: %s", file, error)
        return ""


class _AnyClass(StrategyResolver):
    object_type = object
