"""Plugins of pytest: one notes which functions each test calls, one runs the tests that a fault concerns."""

import pickle
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis

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
