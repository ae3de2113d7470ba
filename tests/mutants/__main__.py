"""
Small faults put into the code, to see whether a test notices: `make mutants ARGS="--sample 40 --seed 1"`.

Each is tried with the tests of its room that start no process and call the function it is in.
"""

import argparse
import ast
import importlib
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.mutants.faults import faults, function_of, shown
from tests.mutants.watching import Chosen, Watch, Watched

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("plan", "fills", "paper", "strategy")
ALSO = {
    "paper": (
        "feed/test_feed.py",
        "test_venues.py",
        "venues/test_missed_trades.py",
        "venues/test_significant_figures.py",
    ),
    "strategy": ("test_backtest_detail.py", "test_futures.py"),
}
"""tests of a room that lie outside of it"""
SECONDS = 900
"""after which a fault counts as noticed: something waits for ever"""
LIBRARIES = (
    "pytest",
    "hypothesis",
    "ccxt.pro",
    "talib",
    "freqtrade.freqtradebot",
    "freqtrade.commands",
    "freqtrade.optimize.backtesting",
)
"""imported once, before a process is forked for each fault"""


class Copy:
    """A copy of the working tree, whose tests are run in processes forked from this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "copy"
        (folder / "shared").symlink_to(ROOT.parent / "shared")  # recorded market data, where there is
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)

    def watched(self, room: str) -> dict[str, Watched]:
        """Run the tests of a room once, without a fault; return those that pass."""
        notes = self.folder / "notes.pickle"
        tests = self.folder / "tests"
        files = [*(tests / room).glob("test_*.py"), *(tests / name for name in ALSO.get(room, ()))]
        self.passes(files, Watch(self.folder, notes))
        return {test: Watched(*noted) for test, noted in pickle.loads(notes.read_bytes()).items()}

    def passes(self, files: Iterable[Path], plugin: object, *arguments: str) -> bool:
        """Run test files up to the first failure; False where one fails, or none ends."""
        child = os.fork()
        if child == 0:
            self._test([*arguments, *map(str, files)], plugin)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status == 0
            time.sleep(0.02)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return False

    def _test(self, arguments: list[str], plugin: object) -> None:
        os.chdir(self.folder)
        os.environ["PYTHONPATH"] = str(self.folder)
        sys.path[:] = [str(self.folder), *(path for path in sys.path if Path(path or ".") != ROOT)]
        for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "freqtrade_ext")]:
            del sys.modules[name]
        sys.dont_write_bytecode = True
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os._exit(pytest.main(["-p", "no:cacheprovider", *arguments], plugins=[plugin]))

    def faults_of(self, room: str) -> list[tuple[str, int]]:
        """Return all faults of a room's modules: file, and the fault's number in it."""
        files = sorted((self.folder / "freqtrade_ext" / room).glob("*.py"))
        return [
            (file.relative_to(self.folder).as_posix(), number)
            for file in files
            for number, _ in enumerate(faults(ast.parse(file.read_text())))
        ]

    def notices(self, name: str, number: int, tests: dict[str, Watched]) -> bool:
        """Put one fault into a module, and return whether a test notices; print one that none does."""
        file = self.folder / name
        right = file.read_text()
        tree = ast.parse(right)
        node, field, value = list(faults(tree))[number]
        before, lines = shown(node), function_of(tree, node.lineno)
        setattr(node, field, value)
        chosen = {test: watched for test, watched in tests.items() if watched.ran(name, lines)}
        file.write_text(ast.unparse(tree))
        passes = not chosen or self.passes(
            {self.folder / test.partition("::")[0] for test in chosen},
            Chosen(chosen, f"/test_{file.name}::"),
            "-x",
        )
        file.write_text(right)
        if passes:
            print(f"  {name}:{node.lineno}: {before}  ->  {shown(node)}  ({len(chosen)} tests)", flush=True)
        return not passes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--sample", type=int, default=30, help="faults a room; 0 for all there are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="modules whose path has this")
    args = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for room in args.rooms:
            every = [fault for fault in copy.faults_of(room) if args.only in fault[0]]
            chosen = random.Random(args.seed).sample(every, min(args.sample or len(every), len(every)))
            tests = copy.watched(room)
            noticed = sum(copy.notices(name, number, tests) for name, number in sorted(chosen))
            share = 100 * noticed / max(len(chosen), 1)
            print(f"{room}: {noticed} of {len(chosen)} noticed ({share:.0f} %), of {len(every)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
