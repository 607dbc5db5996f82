"""Random walks: `decide` alone, through a day drawn from a seed, against a model of a broker that knows the truth.

The simulation runs the whole product; a walk runs decisions only, and is through in a few thousandths of a second.
So it reaches what needs many chances at once: an entry that fills in pieces, cancels that do nothing, answers that
are lost and readings that are old, all about one cycle.

Each walk draws from a seed of its own: so a failure is one number, and a walk takes a quarter of the time that it takes
where Hypothesis draws.
"""
