"""
Small faults put into the code, to see whether a test notices: `make mutants ARGS="--sample 40 --seed 1"`.

Each is tried with the tests of its room that start no process, the file named like the module first, and with
those of `tests/` that `ALSO` names.
"""

import argparse
import ast
import importlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("plan", "fills", "paper", "strategy")
ALSO = {"strategy": ("test_backtest_detail.py", "test_futures.py")}
PROCESSES = re.compile(r"\b(running_bot|new_bot|running_market|Bot\(|subprocess\.)")
"""in test files that start processes, which take too long to be run for each fault"""
SECONDS = 300
"""after which a fault counts as noticed: something waits for ever"""
LIBRARIES = ("pytest", "hypothesis", "ccxt.pro", "talib", "freqtrade.freqtradebot", "freqtrade.commands")
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


class Copy:
    """A copy of the working tree, whose tests are run in processes forked from this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)

    def tests_of(self, room: str) -> list[Path]:
        """Return the test files of a room that start no process, the quickest first; they must pass."""
        files = sorted((self.folder / "tests" / room).glob("test_*.py"))
        files += [self.folder / "tests" / name for name in ALSO.get(room, ())]
        took: dict[Path, float] = {}
        for file in files:
            if PROCESSES.search(file.read_text()):
                continue
            began = time.monotonic()
            if not self.passes([file]):
                raise SystemExit(f"{file.relative_to(self.folder)} fails without a fault")
            took[file] = time.monotonic() - began
        return sorted(took, key=lambda file: took[file])

    def passes(self, files: list[Path]) -> bool:
        """Run test files up to the first failure; False where one fails, or none ends."""
        child = os.fork()
        if child == 0:
            self._test(files)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status == 0
            time.sleep(0.02)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return False

    def _test(self, files: list[Path]) -> None:
        os.chdir(self.folder)
        os.environ["PYTHONPATH"] = str(self.folder)
        sys.path[:] = [str(self.folder), *(path for path in sys.path if Path(path or ".") != ROOT)]
        for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "freqtrade_ext")]:
            del sys.modules[name]
        sys.dont_write_bytecode = True
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        pytest: Any = importlib.import_module("pytest")
        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *map(str, files)]))

    def faults_of(self, room: str) -> list[tuple[str, int]]:
        """Return all faults of a room's modules: file, and the fault's number in it."""
        files = sorted((self.folder / "freqtrade_ext" / room).glob("*.py"))
        return [
            (file.relative_to(self.folder).as_posix(), number)
            for file in files
            for number, _ in enumerate(faults(ast.parse(file.read_text())))
        ]

    def notices(self, name: str, number: int, tests: list[Path]) -> bool:
        """Put one fault into a module, and return whether a test notices; print one that none does."""
        file = self.folder / name
        right = file.read_text()
        tree = ast.parse(right)
        node, field, value = list(faults(tree))[number]
        before = _shown(node)
        setattr(node, field, value)
        mirror = [test for test in tests if test.name == f"test_{file.name}"]
        file.write_text(ast.unparse(tree))
        passes = self.passes([*mirror, *(test for test in tests if test not in mirror)])
        file.write_text(right)
        if passes:
            print(f"  {name}:{getattr(node, 'lineno', 0)}: {before}  ->  {_shown(node)}", flush=True)
        return not passes


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
            tests = copy.tests_of(room)
            noticed = sum(copy.notices(name, number, tests) for name, number in sorted(chosen))
            share = 100 * noticed / max(len(chosen), 1)
            print(f"{room}: {noticed} of {len(chosen)} noticed ({share:.0f} %), of {len(every)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
