"""The command line: `freqtrade-ext COMMAND`, which is `python -m freqtrade_ext COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

PROGRAM = "freqtrade-ext"
COMMANDS = {
    "init": ("run.init", "prepare the user directory of a freqtrade you already have"),
    "doctor": ("run.doctor", "check versions, configuration, pairs and exchange, and say what to do"),
    "trade": ("run.trade", "trade on paper, on the configured exchange or on the embedded one"),
    "report": ("report.command", "show what a bot earned and what trading cost it"),
    "replay": ("run.replay", "run the bot through days of trading in minutes"),
    "fidelity": ("run.fidelity", "measure on recordings how true the fills are"),
    "costs": ("run.costs", "learn from recordings what market orders cost, for backtests to charge"),
    "record": ("run.record", "record an exchange's order books and trades"),
    "replica": ("replica.__main__", "serve the embedded exchange on this machine"),
}
"""command -> module that has its `main`, and what it does"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command, or list them all.

    :param arguments: command line without the program's name.
    :return: exit status: that of the command, 2 for one that does not exist.
    """
    name, *others = [*(sys.argv[1:] if arguments is None else arguments), ""]
    if name in ("", "-h", "--help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        print(f"{PROGRAM}: there is no command {name}\n\n{usage()}", file=sys.stderr)
        return 2
    # on demand: freqtrade's imports take seconds
    command = import_module(f"freqtrade_ext.{COMMANDS[name][0]}")
    return int(command.main(others[:-1]) or 0)


def usage() -> str:
    """Return the list of commands, one line each."""
    lines = (f"  {name:10} {meaning}" for name, (_, meaning) in COMMANDS.items())
    return "\n".join(
        [f"usage: {PROGRAM} COMMAND [...]", "", *lines, "", f"{PROGRAM} COMMAND --help explains a command."]
    )


if __name__ == "__main__":
    sys.exit(main())
