"""
The same trades on every release of freqtrade: `python -m tests.versions [RELEASE ...]`.

Each release gets an environment of its own in build/versions, with this package installed into it, and
replays three virtual days. Trades and orders must be the same in all of them. The oldest release comes with
the oldest ccxt that is supported, the others with what pip chooses. `--python` names another interpreter.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from freqtrade_ext.paper.seams import CCXT_FLOOR

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / "build" / "versions"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST = next(line.split(">=")[1] for line in PROJECT["dependencies"] if line.startswith("freqtrade>="))
TEST_TOOLS = ("hypothesis", "pytest", "pytest-timeout", "pytest-xdist")
PINS = {"starlette<1": "2026.3", "joblib<1.6": "2026.9"}
"""libraries that came too late for its API and hyperopt -> the release of freqtrade that takes newer ones"""
REPLAY = ("--days", "3", "--seed", "2")
COLUMNS = {
    "trades": "pair is_short open_date close_date open_rate close_rate amount stake_amount fee_open "
    "fee_close close_profit_abs realized_profit stop_loss initial_stop_loss max_rate min_rate exit_reason",
    "orders": "ft_trade_id ft_pair ft_order_side ft_order_tag order_type side status price average amount "
    "filled remaining cost order_date order_filled_date",
}
"""what every release has; ids of orders are random"""
CORE = ("tests/plan", "tests/fills", "tests/paper", "tests/strategy", "tests/feed", "tests/run")
"""what stands on freqtrade or ccxt, the bot's own tests among it"""


def releases() -> list[str]:
    """Return the releases on the package index from the oldest supported on, the last of each month."""
    command = [sys.executable, "-m", "pip", "index", "versions", "freqtrade"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    listed = re.search(r"Available versions: (.*)", said)[1].split(", ")
    months: dict[tuple[int, ...], str] = {}
    for release in reversed(listed):
        months[_numbers(release)[:2]] = release
    return [release for month, release in sorted(months.items()) if month >= _numbers(OLDEST)[:2]]


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def environment(release: str, interpreter: str, *, for_tests: bool) -> Path:
    """Return the Python of an environment with this release; the running one where it has it."""
    if release == version("freqtrade") and release != OLDEST and interpreter == sys.executable:
        return Path(sys.executable)
    name = release if interpreter == sys.executable else f"{release}-{Path(interpreter).name}"
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
    wanted = [f"freqtrade=={release}", "--editable", str(ROOT)]
    wanted += [pin for pin, since in PINS.items() if _numbers(release) < _numbers(since)]
    if for_tests:
        wanted += [f"freqtrade[hyperopt,plot]=={release}", *TEST_TOOLS]
    if release == OLDEST:
        wanted.append(f"ccxt=={CCXT_FLOOR}")
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def replay_hash(python: Path) -> str:
    """Replay, and return a hash of all trades and orders with their number."""
    with tempfile.TemporaryDirectory(prefix="freqtrade_ext-") as folder:
        command = [str(python), "-m", "freqtrade_ext", "replay", *REPLAY, "--report", folder]
        done = subprocess.run(command, cwd=ROOT, env=_plain(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        (path,) = Path(folder).glob("*.sqlite")
        with closing(sqlite3.connect(path)) as database:
            tables = {
                name: database.execute(
                    f"select {', '.join(columns.split())} from {name} order by id"
                ).fetchall()
                for name, columns in COLUMNS.items()
            }
    counts = ", ".join(f"{len(rows)} {name}" for name, rows in tables.items())
    return f"{hashlib.sha256(repr(tables).encode()).hexdigest()[:16]} ({counts})"


def run_tests(python: Path) -> bool:
    """Run the tests of what stands on freqtrade or ccxt; their output goes to the terminal."""
    command = [str(python), "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "loadfile", *CORE]
    return subprocess.run(command, cwd=ROOT, env=_plain(), check=False).returncode == 0


def _plain() -> dict[str, str]:
    """Return the environment without PYTHONPATH, so that each Python uses what is installed into it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the releases; 1 where one differs or fails its tests."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help="default: all that are supported")
    parser.add_argument("--ends", action="store_true", help="only the oldest and the newest on the index")
    parser.add_argument("--tests", action="store_true", help="run the tests as well")
    parser.add_argument("--python", default=sys.executable, help="default: the one that runs this")
    known = parser.parse_args(arguments)
    wanted = known.releases or releases()
    if known.ends:
        wanted = [wanted[0], wanted[-1]]
    pythons = {release: environment(release, known.python, for_tests=known.tests) for release in wanted}
    hashes = set()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for release, found in zip(wanted, pool.map(replay_hash, pythons.values()), strict=True):
            print(f"freqtrade {release}: {found}", flush=True)
            hashes.add(found)
    is_same = len(hashes) == 1
    print("the same trades on each" if is_same else "DIFFERENT TRADES")
    failed = [release for release in wanted if known.tests and not run_tests(pythons[release])]
    if failed:
        print(f"tests fail with freqtrade {', '.join(failed)}")
    return 0 if is_same and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
