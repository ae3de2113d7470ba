"""A PostgreSQL server of the test's own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

DEBIAN = "/usr/lib/postgresql"


def programs() -> Path | None:
    """Where initdb and postgres are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    homes = sorted(Path(DEBIAN).glob("*/bin/initdb"))
    path = Path(found).resolve() if found else homes[-1] if homes else None
    return path.parent if path else None


@contextmanager
def running_postgres(home: Path) -> Iterator[str]:
    """Run a server and give its URL; as the user postgres where the test is root, which it refuses."""
    # pytest's own folders are closed to other users
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    data = str(folder / "data")
    initdb = [home / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, timeout=60, cwd="/", **user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [home / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    command += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **user)
    try:
        wait_for(port, server, folder / "log")
        yield f"postgresql+psycopg2://tester:secret@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder)


@contextmanager
def postgres_or_skip() -> Iterator[str]:
    """Run a server for the test; where there is none, or no driver, the test is skipped."""
    home = programs()
    if home is None:
        pytest.skip("PostgreSQL's initdb is not installed (apt-get install postgresql)")
    pytest.importorskip("psycopg2", reason="PostgreSQL's driver is missing (pip install psycopg2-binary)")
    with running_postgres(home) as url:
        yield url


def new_database(server: str, name: str) -> str:
    """Make a database on the server and give its URL."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'create database "{name}"'))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while "ready to accept connections" not in log.read_text():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"postgres on port {port} was not ready: {log.read_text()}"
        time.sleep(0.05)
