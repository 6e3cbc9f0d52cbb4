"""The forecast that needs no model: as it was last week, or else yesterday."""

import numpy as np
from numpy.typing import NDArray

SEASONS_S = (7 * 86_400, 86_400)
"""How far back to look, the first that has a value. Spans of UTC: across a clock change an hour off."""


def seasonal_naive(kw: NDArray[np.float64], *, horizon: int, resolution_s: int) -> NDArray[np.float64]:
    """The loads that follow a window, shape (horizon,), kW; NaN where no season has a value for it.

    What is further ahead than a season is long has it once more.

    >>> seasonal_naive(np.arange(48.0), horizon=2, resolution_s=3600).tolist()
    [24.0, 25.0]
    """
    ahead = np.arange(horizon)
    loads_kw = np.full(horizon, np.nan)
    for season_s in SEASONS_S:
        season = season_s // resolution_s
        at = kw.size - season + ahead % season
        wanted = np.isnan(loads_kw) & (at >= 0)
        loads_kw[wanted] = kw[at[wanted]]
    return loads_kw
