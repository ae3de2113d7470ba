"""A freqtrade plugin: paper trades fill as the real exchange would have filled them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freqtrade_ext.paper.install import install
    from freqtrade_ext.settings import Settings
    from freqtrade_ext.strategy.managed import ManagedStrategy
    from freqtrade_ext.strategy.paper_fills import PaperFills
    from freqtrade_ext.strategy.signals import SignalStrategy

__all__ = ["ManagedStrategy", "PaperFills", "Settings", "SignalStrategy", "install"]

_HOMES = {
    "ManagedStrategy": "strategy.managed",
    "PaperFills": "strategy.paper_fills",
    "Settings": "settings",
    "SignalStrategy": "strategy.signals",
    "install": "paper.install",
}


def __getattr__(name: str) -> Any:
    # on demand: the embedded exchange and the pure halves must not wait for freqtrade's imports
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
