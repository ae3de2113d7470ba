"""Which database is meant where nobody names one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freqtrade.constants import DEFAULT_DB_DRYRUN_URL, DEFAULT_DB_PROD_URL
from sqlalchemy import make_url


def default_url(config: Mapping[str, Any]) -> str:
    """
    Choose as freqtrade does (2026.9 configuration/configuration.py `_process_trading_options`).

    :param config: where there is none, the paper database is meant.
    """
    url = config.get("db_url")
    if config.get("dry_run", not config):
        return DEFAULT_DB_DRYRUN_URL if url in (None, DEFAULT_DB_PROD_URL) else str(url)
    return str(url or DEFAULT_DB_PROD_URL)


def newest_url(config: Mapping[str, Any]) -> str:
    """Choose as freqtrade does; of its paper database and the embedded exchange's, the one written last."""
    url = default_url(config)
    own = Path(make_url(DEFAULT_DB_DRYRUN_URL).database or "")
    paths = [own, *Path("user_data").glob("embedded-*.sqlite")]
    written = {path: _written(path) for path in paths if path.exists()}
    if url != DEFAULT_DB_DRYRUN_URL or not written:
        return url
    return f"sqlite:///{max(written, key=written.__getitem__)}"


def _written(path: Path) -> float:
    # SQLite writes beside the file first
    files = (path, path.with_name(f"{path.name}-wal"))
    return max(file.stat().st_mtime for file in files if file.exists())
