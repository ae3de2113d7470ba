"""FreqUI for a bot that has no API of its own: secrets, and a port."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import freqtrade

from freqtrade_ext.run.beside import StartError, say
from freqtrade_ext.run.places import USER_DATA, program

PRIVATE = USER_DATA / "private.json"
UI = Path(freqtrade.__file__).parent / "rpc" / "api_server" / "ui" / "installed"
_claims: dict[int, socket.socket] = {}
"""port -> what holds it for this process"""


def private_config(config: Mapping[str, Any]) -> list[str]:
    """
    Return the configuration that serves FreqUI with secrets of its own; none where the user has an API.

    :raises StartError: the port of the user's API is in use, and freqtrade would wait for it for ever
        (2026.9 uvicorn_threaded.py).
    """
    if (own := config.get("api_server")) is not None:
        if own.get("enabled") and not claim_port(own["listen_ip_address"], own["listen_port"]):
            raise StartError(
                f"port {own['listen_port']} of api_server is in use: is this bot running already?"
            )
        return []
    write_private(PRIVATE)
    api = json.loads(PRIVATE.read_text())["api_server"]
    if not claim_port(api["listen_ip_address"], api["listen_port"]):
        say(f"port {api['listen_port']} is in use: this bot runs without FreqUI's API")
        return []
    page = f"http://{api['listen_ip_address']}:{api['listen_port']}, user and password in {PRIVATE}"
    if not (UI / "index.html").exists():
        page = f"`{program('freqtrade')} install-ui` gets it; then {page}"
    say(f"FreqUI: {page}")
    return [str(PRIVATE)]


def write_private(path: Path) -> None:
    """Write random secrets for FreqUI's API, readable by their owner alone; keep an existing file."""
    api_server = {
        "enabled": True,
        "listen_ip_address": "127.0.0.1",
        "listen_port": 8080,
        "username": "freqtrader",
        "password": secrets.token_urlsafe(24),
        "jwt_secret_key": secrets.token_urlsafe(32),
        "ws_token": secrets.token_urlsafe(24),
        "CORS_origins": [],
        "verbosity": "error",
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        json.dump({"api_server": api_server}, file, indent=4)


def claim_port(host: str, port: int) -> bool:
    """
    Return whether this process's bot may serve at a port: nobody does, and no other start is about to.

    A bot takes its port seconds after this. Until then, and for as long as this process lives, a name that
    the kernel keeps for one socket alone tells others (Linux: unix(7), "abstract").
    """
    if sys.platform == "linux" and port not in _claims:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0freqtrade_ext port {port}")
        except OSError:
            claim.close()
            return False
        _claims[port] = claim
    return port_is_free(host, port)


def port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe_socket:
        # as uvicorn does, so that a port of a bot that has just ended counts as free
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((host, port))
        except OSError:
            return False
    return True
