"""
The log of a bot that `freqtrade-ext trade` has started: all of it in a file, what matters on the screen.

freqtrade is not imported here: the process that starts a bot lives as long as the bot, and needs no more.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, Literal

Tone = Literal["gain", "loss", "plain"]

SCREEN = logging.getLogger("freqtrade_ext.screen")
_COLORS = {"gain": 32, "loss": 31, "WARNING": 33, "ERROR": 31, "CRITICAL": 31}
"""of ANSI terminals"""


def log_config(file: Path) -> dict[str, Any]:
    """Return freqtrade's `log_config`: its whole log in a file that rotates, what matters on the screen."""
    on_screen = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "short"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "standard": {"format": "%(asctime)s - %(name)s - %(levelname)s - %(message)s"},
            "short": {"()": f"{__name__}.Short"},
        },
        "filters": {"notable": {"()": f"{__name__}.Notable"}},
        "handlers": {
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                "filename": str(file),
                "formatter": "standard",
                "maxBytes": 10_000_000,
                "backupCount": 10,
            },
            "short": on_screen,
            "notable": {**on_screen, "filters": ["notable"]},
        },
        "loggers": {SCREEN.name: {"level": "INFO", "handlers": ["short"], "propagate": False}},
        "root": {"level": "INFO", "handlers": ["file", "notable"]},
    }


class Notable(logging.Filter):
    """Allow through what a person should know of freqtrade's log: warnings, errors, changes of its state."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.getMessage().startswith("Changing state")


class Short(logging.Formatter):
    """Format a record as one line with its time of day, in color on a terminal (unless NO_COLOR is set)."""

    def __init__(self) -> None:
        super().__init__()
        self._has_color = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def format(self, record: logging.LogRecord) -> str:
        lines = record.getMessage().strip().splitlines() or [""]
        if record.levelno >= logging.WARNING:
            lines[0] = f"{record.levelname}: {lines[0]}"
        if record.exc_info or len(lines) > 1:
            lines[0] += " (more in the log)"
        color = _COLORS.get(getattr(record, "tone", record.levelname))
        text = f"\033[{color}m{lines[0]}\033[0m" if color and self._has_color else lines[0]
        return f"{self.formatTime(record, '%H:%M:%S')} {text}"


def show(text: str, tone: Tone = "plain") -> None:
    """Show a line, if `freqtrade-ext trade` has set up the screen."""
    if SCREEN.handlers:
        SCREEN.info(text, extra={"tone": tone})
