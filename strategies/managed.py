"""`freqtrade trade --dry-run --strategy Managed` runs any strategy by plan, unedited."""

from typing import Any

from freqtrade_ext import ManagedStrategy
from freqtrade_ext.strategy.wrap import managed


class Managed(ManagedStrategy):
    """
    The strategy that `"strategy"` in the `freqtrade_ext` section of config.json names: a freqtrade strategy
    or a class with `generate_signal`, found where freqtrade looks for strategies.
    """

    def __new__(cls, config: dict[str, Any]) -> ManagedStrategy:
        return managed(config)(config)
