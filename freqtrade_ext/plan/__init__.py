"""Decide what to trade, how much and where it ends: pure functions over plain values."""


class NoTrade(Exception):
    """There is to be no entry; the message is the reason, in words for the log."""
