"""`freqtrade trade --dry-run --strategy Paper` runs any strategy exactly as it is, with true fills."""

from typing import Any

from freqtrade_ext import PaperFills
from freqtrade_ext.strategy.wrap import with_paper_fills


class Paper(PaperFills):
    """
    The freqtrade strategy that `"strategy"` in the `freqtrade_ext` section of config.json names, unchanged;
    in dry-run its orders fill from the real order book.
    """

    def __new__(cls, config: dict[str, Any]) -> PaperFills:
        return with_paper_fills(config)(config)
