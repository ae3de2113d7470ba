"""The house: which room may import which."""

import ast

import pytest

from tests.bot_process import ROOT

PACKAGE = ROOT / "freqtrade_ext"
FLOORS = {
    "__main__": 7,
    "run": 6,
    "strategy": 5,
    "fidelity": 5,
    "report": 5,
    "paper": 4,
    "feed": 3,
    "fills": 2,
    "plan": 2,
    "replica": 2,
    "tape": 1,
    "settings": 1,
    "checks": 1,
    "tags": 1,
    "text": 1,
    "arguments": 1,
}
"""room or module -> its floor; a room imports itself and floors below its own"""
PURE = ("plan", "fills")
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def room(name: str) -> str:
    return name.split(".")[1]


def imported(path):
    """Names of the modules that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from freqtrade_ext import text` imports a module as well as a name of the package
            if node.module == "freqtrade_ext":
                yield from (f"freqtrade_ext.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_downwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imported(path):
        if not name.startswith("freqtrade_ext."):
            continue
        other = room(name)
        assert other in FLOORS, f"{other} is no room of the house"
        # those of the lowest floor may use each other: they are single modules
        is_below = FLOORS[other] < FLOORS[own] or FLOORS[own] == FLOORS[other] == 1
        assert other == own or is_below, f"{own} must not import {name}"


@pytest.mark.parametrize("name", [*PURE, "feed"])
def test_the_pure_halves_and_the_feed_know_no_freqtrade(name):
    foreign = {
        library
        for path in (PACKAGE / name).rglob("*.py")
        for library in imported(path)
        if library.partition(".")[0] == "freqtrade" or (name in PURE and library.partition(".")[0] == "ccxt")
    }
    assert not foreign


def test_the_embedded_exchange_shares_no_code_with_what_it_checks():
    # FLOORS says more already; this holds where somebody lifts the replica to a higher floor
    rooms = {
        room(n)
        for path in (PACKAGE / "replica").rglob("*.py")
        for n in imported(path)
        if "freqtrade_ext." in n
    }
    assert rooms <= {"replica", "tape", "arguments"}
