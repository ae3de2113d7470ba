"""An exchange on loopback that speaks Binance's spot protocol: `python -m freqtrade_ext.replica`."""

from freqtrade_ext.replica.embedded import Replica
from freqtrade_ext.replica.overlay import overlay

__all__ = ["Replica", "overlay"]
