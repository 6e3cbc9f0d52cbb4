"""A model's version as other servers than ours run it: Triton, BentoML and those they are compared with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import batch_input, known_input
from pipelines.preprocessing.series import regular_series
from pipelines.spec import SIGNATURE, ForecastSpec
from services.serving.saved_model import SavedModel


def load(folder: Path) -> SavedModel:
    """A version, with all compiled that is compiled on first use. Raises StatusError and ValueError."""
    model = SavedModel(folder)
    spec = spec_of(model)
    known = known_input(spec)
    for signature in spec.signatures:
        for size in spec.batch_sizes:
            model.run(signature, {spec.input: np.repeat(known, size, axis=0)})
    return model


def spec_of(model: SavedModel) -> ForecastSpec:
    """The forecast spec of a version. Raises StatusError and ValueError."""
    return ForecastSpec.model_validate_json(model.run(SIGNATURE, {})[SIGNATURE].item())


class Forecaster:
    """Loads in, loads out: features, normalisation and their reverse around a version, by its own spec."""

    def __init__(self, model: SavedModel) -> None:
        """Read the spec of the version. Raises StatusError and ValueError."""
        self._model = model
        self.spec = spec_of(model)

    def forecast_kw(
        self, signature: str, windows: Sequence[tuple[int, Sequence[float]]]
    ) -> NDArray[np.float64]:
        """The steps that follow each window, shape (n, horizon), kW.

        A window is the start of its first step, seconds since 1970-01-01 UTC, and the mean power of each, kW.
        Raises InvalidSeriesError, and StatusError where the model fails.
        """
        spec = self.spec
        series = [
            regular_series(
                datetime.fromtimestamp(start_s, UTC),
                np.array(kw),
                resolution_s=spec.resolution_s,
                grid_s=spec.grid_s,
            )
            for start_s, kw in windows
        ]
        outputs = self._model.run(signature, {spec.input: batch_input(series, spec)})
        normalised = outputs[spec.output][: len(windows)]
        return denormalise(normalised, mean_kw=spec.load.mean, std_kw=spec.load.std)
