"""Binance's refusals: an HTTP status, a code and its exact words (errors.md of its API documentation)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """What the exchange answers instead of data."""

    def __init__(
        self, code: int, message: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": self.message}


def missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def invalid(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def illegal(name: str, legal: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
