"""Python imports this first in every process that Ray starts for `fte up`, which puts this folder on their path.

Loading Ray, FastAPI or torch makes a million objects that all stay. Python's own thresholds look through them hundreds
of times, a sixth of the time that loading takes; with these the collector looks at new objects a seventieth as often,
and afterwards still at those that stayed each half a million.
"""

import gc

gc.set_threshold(50_000, 10, 50)
