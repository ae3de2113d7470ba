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
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis

ROOT = Path(__file__).resolve().parents[1]
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

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,  # codespell:ignore
    ast.NotIn: ast.In,  # codespell:ignore
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SILENT = ("logger.", "super().__init__")
"""calls that are not left out: what is logged for developers alone, and what fails at once"""


def faults(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Yield each expression or statement that can be changed, which of its fields, and what that becomes."""
    for node in _run(tree):
        if (fault := _operator(node) or _value(node) or _turned(node)) is not None:
            yield node, *fault


def _operator(node: ast.AST) -> tuple[str, Any] | None:
    match node:
        case ast.Compare(ops=[op]) if type(op) in OPERATORS:
            return "ops", [OPERATORS[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in OPERATORS:
            return "op", OPERATORS[type(op)]()
    return None


def _value(node: ast.AST) -> tuple[str, Any] | None:
    match node:
        case ast.Constant(value=bool() as value):
            return "value", not value
        case ast.Constant(value=(int() | float()) as value):
            return "value", value + 1
        case ast.Name(id=name) if name in FUNCTIONS:
            return "id", FUNCTIONS[name]
    return None


def _turned(node: ast.AST) -> tuple[str, Any] | None:
    """Turn a condition into its opposite, or leave a statement out."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) if isinstance(
            test, ast.Name | ast.Attribute | ast.Call
        ):
            return "test", ast.UnaryOp(ast.Not(), test)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "operand", ast.UnaryOp(ast.Not(), operand)
        case ast.Expr(value=ast.Call() as call) if not ast.unparse(call).startswith(SILENT):
            return "value", ast.Constant(None)
    return None


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what is executed: without annotations, decorators and the words of messages."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _run(child)


Call = tuple[str, int]
"""of a function: its file within the working tree, and the number of its first line"""


@dataclass(frozen=True)
class Watched:
    """How long a test took (seconds), and which functions of the package it called."""

    took: float
    called: set[Call]

    def ran(self, file: str, lines: range | None) -> bool:
        """Return whether the test called a function of a file, that on these lines where it is one."""
        return any(name == file and (lines is None or line in lines) for name, line in self.called)


class Watch:
    """A plugin of pytest that notes what the tests call, leaving out those that fail without processes."""

    def __init__(self, folder: Path, notes: Path) -> None:
        self._package = f"{folder}/freqtrade_ext/"
        self._start = len(f"{folder}/")
        self._notes = notes
        self._shared: dict[str, set[Call]] = defaultdict(set)
        """what is called when a test file is collected or a fixture made for several tests, by file"""
        self._called: dict[str, set[Call]] = defaultdict(set)
        self._took: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._now = self._shared[""]

    def pytest_sessionstart(self) -> None:
        _no_processes()
        sys.settrace(self._call)
        threading.settrace(self._call)

    def _call(self, frame: FrameType, _: str, __: object) -> None:
        if (code := frame.f_code).co_filename.startswith(self._package):
            self._now.add((code.co_filename[self._start :], code.co_firstlineno))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._now = self._called[item.nodeid]
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
        before = self._now
        if fixturedef.scope != "function":
            self._now = self._shared[request.node.nodeid.partition("::")[0]]
        try:
            return (yield)
        finally:
            self._now = before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._took[report.nodeid] += report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        sys.settrace(None)
        everywhere = self._shared[""]
        watched = {
            test: (self._took[test], called | everywhere | self._shared[test.partition("::")[0]])
            for test, called in self._called.items()
            if test not in self._failed
        }
        self._notes.write_bytes(pickle.dumps(watched))


class Chosen:
    """A plugin of pytest that runs chosen tests: the file named like the module first, then the quickest."""

    def __init__(self, tests: dict[str, Watched], mirror: str) -> None:
        self._tests = tests
        self._mirror = mirror

    def pytest_sessionstart(self) -> None:
        _no_processes()
        found = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
        hypothesis.register_profile("found", hypothesis.get_profile("ci"), phases=found)
        hypothesis.load_profile("found")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        files: dict[str, float] = defaultdict(float)
        items[:] = [item for item in items if item.nodeid in self._tests]
        for item in items:
            took = self._tests[item.nodeid].took
            files[item.nodeid.partition("::")[0]] += took
            item.add_marker(pytest.mark.timeout(20 + 10 * took), append=False)

        def order(item: pytest.Item) -> tuple[bool, float, float]:
            file = item.nodeid.partition("::")[0]
            return self._mirror not in item.nodeid, files[file], self._tests[item.nodeid].took

        items.sort(key=order)


def _no_processes() -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("a process takes too long to be started for each fault")

    subprocess.Popen.__init__ = refuse  # type: ignore[method-assign]
    BaseProcess.start = refuse  # type: ignore[method-assign]


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
        before, lines = _shown(node), _function(tree, node.lineno)
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
            print(f"  {name}:{node.lineno}: {before}  ->  {_shown(node)}  ({len(chosen)} tests)", flush=True)
        return not passes


def _function(tree: ast.AST, line: int) -> range | None:
    """Return the lines of the outermost function that has a line; None for one outside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (
            node.end_lineno or 0
        ):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return range(first, (node.end_lineno or 0) + 1)
    return None


def _shown(node: ast.AST) -> str:
    """Return a place in one line: of a branch its condition."""
    return ast.unparse(node.test if isinstance(node, ast.If) else node).partition("\n")[0]


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
