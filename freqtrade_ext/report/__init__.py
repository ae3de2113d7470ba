"""What trading cost and whether it earned: a page and a terminal table, made of freqtrade's database."""
