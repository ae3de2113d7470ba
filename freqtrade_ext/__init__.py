"""A freqtrade plugin: paper trades fill as the real exchange would have filled them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freqtrade_ext.execute.install import install
    from freqtrade_ext.settings import Settings
    from freqtrade_ext.strategy import ManagedStrategy

__all__ = ["ManagedStrategy", "Settings", "install"]

_HOMES = {"ManagedStrategy": "strategy", "Settings": "settings", "install": "execute.install"}


def __getattr__(name: str) -> Any:
    # on demand: the embedded exchange and the pure halves must not wait for freqtrade's imports
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
