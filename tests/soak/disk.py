"""A database that cannot be written: locked by another program, or on a disk that is full."""

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

NO_LIMIT = 1_073_741_823
"""pages; SQLite's own"""
_real_sleep = time.sleep


class Disk:
    """A disk that can be full for the databases of this process: SQLite itself then lets none grow."""

    def __init__(self) -> None:
        self._pages = NO_LIMIT
        event.listen(Pool, "checkout", self._limit)

    def _limit(self, connection: Any, *_: object) -> None:
        # fewer pages than there are is as many as there are
        connection.execute(f"pragma max_page_count = {self._pages}")

    @property
    def is_full(self) -> bool:
        return self._pages != NO_LIMIT

    def fill(self) -> None:
        self._pages = 1

    def free(self) -> None:
        self._pages = NO_LIMIT


def lock(database: Path, seconds: float) -> None:
    """Let another program write to the database for so long, in real time, unless the bot itself does."""
    locked = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(database)) as other, suppress(sqlite3.OperationalError):
            other.execute("begin immediate")
            locked.set()
            _real_sleep(seconds)
            other.rollback()

    threading.Thread(target=hold, daemon=True).start()
    locked.wait(10)
