"""
Record an exchange's order books and trades as they are told: `python -m freqtrade_ext.record`.

Each file holds one pair and one uninterrupted stretch of time: a snapshot of the book, then the messages of
the combined stream as they came, one a line as `<local time in ns> <JSON>`. A new file begins each hour and
after each gap. `freqtrade_ext.recording` reads them, the embedded exchange plays them.
"""
