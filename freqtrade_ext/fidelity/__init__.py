"""
Measure on recordings how true the fills are: `python -m freqtrade_ext.fidelity FILE...`.

**What is compared.** Every aggressive order of a stranger is printed on the tape. Consecutive prints with
equal time `T` and taker side are taken as one order (a "sweep"). Its average rate is predicted by walking
the book just before it with this project's code (`execute.book.walk` over `execute.local_book.LocalBook`),
and by stock freqtrade's algorithm over the first 20 levels of the identical book. The error in basis points is
1e4 * sign * (actual - predicted) / actual, sign +1 for buys: positive means the order paid more than predicted.

**Which book is "just before".** Nothing here looks at the printed rates or at the error.

1. Differences stamped `E < T` are in the book, later ones are not: they may contain the sweep.
2. The best bid/ask stream has no exchange time. A message counts as earlier when it arrived more than 1 ms
   before the moment at which a message sent at `T` would have arrived, told by the sweep's first print:
   its arrival minus `E - T`. 1 ms, because `T` and `E` are whole milliseconds.
3. One such message is the sweep itself. It is known by the amount: the first one, or run of ones, arriving within
   10 ms before that moment and 2 ms after the last print, across which exactly the sweep's amount is gone from
   the side it took from. It and all later ones are contaminated, so the book before it is used. Later sweeps
   use a book from after it.
4. Where no message shows the amount, rule 2 stands, and earlier sweeps of the same side which that book does
   not hold yet are taken from it: no level better than their last rate is left, and at it their amount is gone.

`alignment` in the report tells how many sweeps rule 3 and rule 4 decided, and the figures with rule 3 left out
of the choice of the book ("by clocks alone").

**What is left out**, counted in `excluded`: sweeps before the book's first snapshot, sweeps in a gap of its
update ids, sweeps of more than the recorded book holds. Where a recording has aggregated trades only, these
are grouped in the same way; where it has both, `trade` counts.

**Limits.** Several orders of one side in one millisecond are one sweep. Levels behind the best are as old as the
last difference (100 ms, or 1 s). Hidden orders are not modelled. For resting orders no outside truth exists,
so a band is reported: see `resting`.
"""
