"""
Measure on recordings how true the fills are: `freqtrade-ext fidelity FILE...`.

**What is compared.** Every aggressive order of a stranger is printed on the tape. Consecutive prints with
equal time `T` and taker side (and what else a venue tells of the order) are one order, a "sweep". Its
average rate is predicted by walking the book just before it with this project's code: `fills.book.walk` over
`feed.local_book.LocalBook`.
The error in basis points is 1e4 * sign * (actual - predicted) / actual, sign +1 for buys: positive means that
the order paid more than predicted.

**Stock freqtrade** is given the book that its own depth request returns, at the same moment: the book of the
differences, 20 levels, without the best bid/ask stream, which it has not. `stock_on_our_book` gives its
algorithm the book that ours had: what remains then is its own rounding, clamping and endless last level.

**Which book is "just before".** Nothing here looks at the printed rates or at the error.

1. Differences stamped `E < T` are in the book, later ones are not: they may contain the sweep.
2. The best bid/ask stream has no exchange time. A message counts as earlier when it arrived more than 1 ms
   before the moment at which a message sent at `T` would have arrived, told by the sweep's first print:
   its arrival minus `E - T`. 1 ms, because `T` and `E` are whole milliseconds.
3. One such message is the sweep itself. It is known by the amount: the first one, or run of ones, between
   10 ms before that moment and 2 ms after the last print, across which exactly the sweep's amount is gone
   from the side it took from. It and all later ones are contaminated, so the book before it is used. Later
   sweeps use a book from after it.
4. Where no message shows the amount, rule 2 stands, and what earlier sweeps of the side took is taken from
   that book if it does not show them yet: levels better than their last rate, and their amount at it.

`alignment` in the report tells how many sweeps were decided by rule 3 (`own_update`) and by rules 2 and 4
(`clock`), and `ours_by_clocks_alone` has the figures without rule 3's choice of the book.

**What is left out**, counted in `excluded`: sweeps before the book's first snapshot or in a gap of its update
ids, sweeps whose prints come after a difference that may hold them was used, sweeps of more than the recorded
book holds, and a book with damaged levels. A trade counts once, by its id, whether it comes single or
aggregated, from one connection or two. Other venues' messages are read as Binance's events: `tape/venues.py`.

**Limits.** Several orders of one side in one millisecond are one sweep. Levels behind the best are as old as
the last difference (100 ms, or 1 s); without a best bid/ask stream so is the best, which the report says. The
streams are taken to come over one connection: where one is 30 ms late, rule 3 finds few messages. Hidden
orders are not modelled. These recordings do not name orders, so a band is reported for resting ones
(`joins.py`); order-by-order tapes know the truth (`resting.py`). The drift is the mean
move of the mid in the taker's direction, measured for at most one sweep a second from the
moment at which all of it has been seen.
"""
