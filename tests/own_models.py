"""SavedModels as somebody else might bring them, of known weights, and what they must forecast."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.data import BERLIN, REPOSITORY, csv_of, plausible_kw

HOUR = timedelta(hours=1)
MEAN_KW, STD_KW = 160.0, 45.0
SUNDAY = datetime(2024, 6, 2, 7, tzinfo=UTC)
"""Where the files begin that end on a weekend."""

HOURLY: dict[str, Any] = {
    "resolution": "PT1H",
    "window": 168,
    "horizon": 24,
    "time_zone": "Europe/Berlin",
    "features": [
        {"name": "load", "mean": MEAN_KW, "std": STD_KW},
        {"name": "day_sin"},
        {"name": "is_weekend"},
    ],
    "intervals": [{"level": 0.8, "lower_kw": [-5.0] * 24, "upper_kw": [6.0] * 24}],
}
"""Describes what `save_hourly` writes."""


def save_hourly(folder: Path, *, shift: float = 0.0) -> Path:
    """A model of a week of hours: half of last week, a third of yesterday, and a bit of the calendar."""
    import tensorflow as tf

    last_week = np.eye(168, 24, dtype=np.float32) / 2
    yesterday = np.eye(168, 24, k=-144, dtype=np.float32) / 3

    class Hourly(tf.Module):
        def __init__(self):
            self.weights = tf.Variable(last_week + yesterday)
            self.calendar = tf.Variable([[0.1], [0.2]])

        @tf.function(input_signature=[tf.TensorSpec((None, 168, 3), tf.float32, name="past")])
        def __call__(self, past):
            return {"ahead": past[:, :, 0] @ self.weights + past[:, -1, 1:] @ self.calendar + shift}

    tf.saved_model.save(Hourly(), str(folder))
    return folder


def hourly_kw(kw: Sequence[float], last: datetime) -> list[float]:
    """What it forecasts of a week of loads whose last step begins at `last`; by hand, in double precision."""
    scaled = [(value - MEAN_KW) / STD_KW for value in kw[-168:]]
    local = last.astimezone(BERLIN)
    day_sin = math.sin(2 * math.pi * (local.hour + local.minute / 60) / 24)
    calendar = 0.1 * day_sin + 0.2 * (local.weekday() >= 5)
    return [(scaled[k] / 2 + scaled[144 + k] / 3 + calendar) * STD_KW + MEAN_KW for k in range(24)]


def save(folder: Path, forecast: Callable[[Any], Any], shape: tuple[int | None, ...], dtype: str = "float32"):
    """A SavedModel of one function of one tensor, by the signature that Keras names, too."""
    import tensorflow as tf

    module = tf.Module()
    module.function = tf.function(forecast, input_signature=[tf.TensorSpec(shape, dtype, name="x")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.function})
    return folder


def describe(file: Path, description: dict[str, Any], **changes: Any) -> Path:
    """The description in a file; None takes a field out."""
    fields = {**description, **changes}
    file.write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))
    return file


def hours(count: int, start: datetime) -> list[datetime]:
    return [start + i * HOUR for i in range(count)]


def hourly_file(
    times: Sequence[datetime] | None = None, kw: Sequence[float] | None = None, **dialect
) -> bytes:
    """Hours by the clock of Berlin."""
    times = times or hours(168, SUNDAY)
    local = [time.astimezone(BERLIN) for time in times]
    return csv_of(local, kw or plausible_kw(len(times)), **dialect)


def wattgate(*words: object) -> str:
    """What the command prints."""
    answer = subprocess.run(
        [sys.executable, "-m", "wattgate", *map(str, words)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def import_hourly(folder: Path, *options: object, shift: float = 0.0) -> str:
    """By the command, into the repository and the config file below the folder."""
    return wattgate(
        "import",
        save_hourly(folder / f"saved-{shift}", shift=shift),
        *("--spec", describe(folder / "spec.json", HOURLY), "--name", "hourly"),
        *("--repository", folder / "models", "--config", folder / "var" / "models.config"),
        *options,
    )
