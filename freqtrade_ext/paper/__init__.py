"""Where freqtrade's orders enter the paper engine and leave it."""
