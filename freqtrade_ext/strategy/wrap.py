"""Find a strategy by its class name and wrap it; its file stays as it is."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from inspect import getfullargspec
from os import walk
from pathlib import Path
from runpy import run_path
from typing import Any

from freqtrade.constants import USERPATH_STRATEGIES
from freqtrade.exceptions import OperationalException
from freqtrade.resolvers import StrategyResolver
from freqtrade.resolvers.iresolver import PathModifier
from freqtrade.strategy import IStrategy

from freqtrade_ext.strategy.managed import ManagedStrategy
from freqtrade_ext.strategy.paper_fills import PaperFills, settings_of
from freqtrade_ext.strategy.signals import SignalStrategy

logger = logging.getLogger(__name__)

FOREIGN = re.compile(r"^\s*(?:from|import)\s+(backtesting|vectorbt|vectorbtpro|backtrader)\b", re.MULTILINE)
"""libraries whose strategies cannot be asked for a signal"""

OURS = ("Managed", "Paper")


def managed(config: dict[str, Any]) -> type[ManagedStrategy]:
    """
    Return a managed strategy of the class that `freqtrade_ext.strategy` names.

    :param config: freqtrade's configuration.
    :raises OperationalException: there is no such class, or it cannot be managed; the message says why.
    """
    theirs = _named(config, "Managed")
    if issubclass(theirs, ManagedStrategy):
        return theirs
    if not issubclass(theirs, IStrategy):
        return _of_signals(theirs)
    if len(getfullargspec(theirs.populate_indicators).args) == 2:
        raise OperationalException(
            f"{theirs.__name__} cannot be managed: freqtrade no longer runs interface version 1, "
            "where populate_indicators takes no metadata"
        )
    return _derived(ManagedStrategy, theirs)


def with_paper_fills(config: dict[str, Any]) -> type[PaperFills]:
    """
    Return the strategy that `freqtrade_ext.strategy` names, as it is but for its fills in dry-run.

    :param config: freqtrade's configuration.
    :raises OperationalException: there is no such class, or it is no freqtrade strategy.
    """
    theirs = _named(config, "Paper")
    if issubclass(theirs, PaperFills):
        return theirs
    if not issubclass(theirs, IStrategy):
        raise OperationalException(
            f"{theirs.__name__} is no freqtrade strategy, so it has no orders of its own: use "
            "--strategy Managed, which takes its signals"
        )
    return _derived(PaperFills, theirs)


def _named(config: dict[str, Any], wrapper: str) -> type[Any]:
    name = settings_of(config).strategy
    if name is None or name in OURS:
        raise OperationalException(
            f"freqtrade_ext.strategy must name the strategy that {wrapper} wraps, is {name or 'not set'}"
        )
    return find_class(name, config)


def _derived(base: type[Any], theirs: type[IStrategy]) -> type[Any]:
    """
    Put a base class before a strategy, as `class Mine(PaperFills, Theirs)` does.

    It keeps the name, which freqtrade looks for in files of hyperopted parameters and writes with trades.
    """
    return type(theirs.__name__, (base, theirs), {"__module__": theirs.__module__, "__doc__": theirs.__doc__})


def _of_signals(theirs: type[Any]) -> type[ManagedStrategy]:
    if not any(callable(getattr(theirs, name, None)) for name in ("generate_signal", "generate_signals")):
        raise OperationalException(
            f"{theirs.__name__} cannot be managed: it is neither a freqtrade strategy nor has it "
            f"generate_signal{_foreign(theirs.__source__)}"
        )
    own = {"signal_class": theirs, "__file__": theirs.__file__, "__source__": theirs.__source__}
    return type(theirs.__name__, (SignalStrategy,), own)


def _foreign(source: str) -> str:
    """Return what to change in a file that was written for another library; empty for others."""
    found = FOREIGN.search(source)
    if found is None:
        return ""
    return (
        f". It is written for {found[1]}: move what its rules compute into generate_signals(df), which "
        "answers 1, -1 or 0 for each candle"
    )


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
        # what freqtrade does not catch is said below as well
        with suppress(Exception):
            for found, source in _AnyClass._get_valid_object(file.resolve(), name):
                found.__file__, found.__source__ = str(file), source
                return found
    why = f"no file in {', '.join(map(str, dict.fromkeys(paths)))} defines this class"
    if defining:
        foreign = _foreign(_text(defining[0]))
        why = f"{defining[0]} cannot be imported: {_fault(defining[0])}{foreign}"
    raise OperationalException(f"freqtrade_ext.strategy is {name}: {why}")


def _fault(file: Path) -> str:
    """Return what a file raises that cannot be imported."""
    try:
        with PathModifier(file.parent):
            run_path(str(file))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it has no such class once it is run"


def _text(file: Path) -> str:
    """Return what is written in a file; nothing where it is a dangling link or cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        logger.warning("%s is skipped: %s", file, error)
        return ""


class _AnyClass(StrategyResolver):
    object_type = object
