"""How good a version in a folder is, told by running it."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.evaluation.backtest import Report, cut
from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import batch_input
from pipelines.preprocessing.meter_file import AS_USUAL, Declared, read_meter_file
from pipelines.training.checks import load_as_server


def backtest(
    folder: Path,
    content: bytes,
    *,
    zone: ZoneInfo | None = None,
    declared: Declared = AS_USUAL,
    stride: int = 1,
    tell: Callable[[int, int], None] = lambda done, windows: None,
) -> Report:
    """Roll a version over a meter file: a forecast at every `stride`-th step, compared with what followed.

    `zone` is that of times without an offset, by default the model's own; `tell` hears how many of how many
    windows are done. Raises InvalidSeriesError for the file.
    """
    with load_as_server(folder) as version:
        spec = version.spec()
        series = read_meter_file(content, zone=zone or spec.zone, declared=declared)
        rolled = cut(series, spec, stride=stride)
        forecasts = []
        done = 0
        for windows in rolled.batches(spec.batch_sizes[-1]):
            output = version.forecast(spec.signatures[0], spec, batch_input(windows, spec))
            forecasts.append(output[: len(windows)])
            done += len(windows)
            tell(done, rolled.starts.size)
    forecast_kw = denormalise(np.concatenate(forecasts), mean_kw=spec.load.mean, std_kw=spec.load.std)
    return rolled.report(forecast_kw, spec.intervals, spec.linear)
