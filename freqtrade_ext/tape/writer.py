"""A file of a recording."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path


class RecordError(RuntimeError):
    """The recording cannot begin or go on; the message says why and what to do."""


class RecordingFile:
    """A gzip file that can be read up to its last flush, whatever ends the process."""

    def __init__(self, path: Path) -> None:
        """:raises RecordError: rather than overwrite anything, or where the file cannot be made."""
        self.path = path
        try:
            self._raw = path.open("xb")
        except OSError as error:
            raise RecordError(f"cannot begin {path}: {error.strerror}") from error
        self._file = gzip.GzipFile("", "wb", fileobj=self._raw)

    def write(self, local_ns: int, text: str) -> None:
        """:raises RecordError: the disk is full."""
        self._do(self._file.write, b"%d %s\n" % (local_ns, text.encode()))

    def flush(self) -> int:
        """Return the bytes on disk."""
        self._do(self._file.flush, zlib.Z_SYNC_FLUSH)
        return self._raw.tell()

    def close(self) -> None:
        try:
            self._do(self._file.close)
        finally:
            self._raw.close()

    def _do(self, action: Callable[..., object], *values: object) -> None:
        try:
            action(*values)
        except OSError as error:
            raise RecordError(f"cannot write {self.path}: {error.strerror}") from error
