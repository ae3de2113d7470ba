"""Where things are: the user's configuration, and the files that come with this package."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import freqtrade_ext

CONFIGS = (Path("config.json"), Path("user_data/config.json"))
"""where freqtrade itself looks, in this order"""
USER_DATA = Path("user_data")
LOGS = USER_DATA / "logs"
SERVICES = ("api_server", "telegram", "discord", "webhook")
"""of the user's configuration: none of them is told of the trades of a replay or a paper twin"""
_PACKAGE = Path(freqtrade_ext.__file__).parent


def default_config() -> Path:
    """Return the configuration that freqtrade would take; the first place where there is none."""
    return next((path for path in CONFIGS if path.exists()), CONFIGS[0])


def program(name: str) -> str:
    """Return what to type for a command of this environment, whether it is on the PATH or not."""
    if shutil.which(name) is not None:
        return name
    own = Path(sys.executable).with_name(name)
    return str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)


def services_off(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to merge over a configuration so that none of its services is told of trades."""
    return {service: {"enabled": False} for service in SERVICES if service in config}


def strategy_file(name: str) -> Path:
    """Return a strategy file of this package."""
    return _shipped("strategies", name)


def overlay_file(name: str) -> Path:
    """Return a configuration of this package that is merged over the user's own."""
    return _shipped("overlays", name)


def _shipped(folder: str, name: str) -> Path:
    # in the repository both lie beside the package, where `freqtrade trade` finds them
    inside = _PACKAGE / folder / name
    beside = {"strategies": "strategies", "overlays": "user_data"}[folder]
    return inside if inside.exists() else _PACKAGE.parent / beside / name
