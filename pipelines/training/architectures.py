"""The two networks: a recurrent path beside a linear one.

A recurrent network alone loses to repeating the last value (docs/decisions/0019): its output hardly follows
the level of the input, and loads of another season lie outside of what it was fitted to. So

- a linear autoregressive path carries the level (LSTNet, Lai et al. 2018, section 3.5), and
- the recurrent path sees how the load differs from its newest value, in spreads of the window itself (as
  RevIN, Kim et al. 2022), and what it adds is scaled back: it cannot tell one level or season from another.
"""

from typing import Any

import keras
from keras import layers, ops

from pipelines.preprocessing.calendar import COLUMNS, Cycle
from pipelines.spec import LOAD
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.linear import LinearPath

_LEAST_SPREAD = 0.05
"""Standard deviation of a window's load that stands still, normalised."""


def build(
    architecture: Architecture,
    linear: LinearPath,
    hyperparameters: Hyperparameters,
    cycles: tuple[Cycle, ...],
) -> Any:
    """A Keras model from windows, shape (batch, window, feature), to forecasts, shape (batch, horizon).

    Both normalised. It starts as the given linear path exactly: the recurrent path's last layer is zero. Of
    the calendar it sees the `cycles`: one that the data did not go round once would only tell then from now.
    """
    hp = hyperparameters
    window = keras.Input((hp.window, len(hp.features)), name="window")
    load = window[:, :, hp.features.index(LOAD)]
    last = load[:, -1:]
    linear_path = layers.Dense(hp.horizon, trainable=False, name="linear")
    along_the_line = linear_path(load[:, -len(linear.kernel) :] - last)

    spread = ops.std(load, axis=1, keepdims=True) + _LEAST_SPREAD
    changes = (load - last) / spread
    columns = [
        column for column, name in enumerate(hp.features) if name != LOAD and COLUMNS[name].cycle in cycles
    ]
    calendar = [window[:, :, column : column + 1] for column in columns]
    seen = layers.Concatenate()([changes[:, :, None], *calendar])
    state = _gru(seen, hp) if architecture == "gru" else _cnn_lstm(seen, hp)

    # What a recurrence blurs goes past it: now, a day and a week ago, the line, and the calendar.
    then = [changes[:, -season:][:, : hp.horizon] for season in hp.seasons]
    now = [changes[:, -hp.horizon :], *(column[:, -1, :] for column in calendar)]
    known = layers.Concatenate()([state, *now, *then, along_the_line / spread])
    hidden = layers.Dense(hp.head_units, activation="relu", name="head")(layers.Dropout(hp.dropout)(known))
    correction = layers.Dense(hp.horizon, kernel_initializer="zeros", name="correction")(
        layers.Dropout(hp.dropout)(hidden)
    )

    model = keras.Model(window, last + along_the_line + correction * spread, name=architecture)
    linear_path.set_weights([linear.kernel, linear.bias])
    return model


def _gru(seen: Any, hp: Hyperparameters) -> Any:
    return layers.GRU(hp.recurrent_units, name="gru")(seen)


def _cnn_lstm(seen: Any, hp: Hyperparameters) -> Any:
    convolved = layers.Conv1D(hp.filters, hp.kernel, padding="causal", activation="relu", name="convolution")(
        seen
    )
    pooled = layers.MaxPooling1D(hp.pool, name="pooling")(convolved)
    return layers.LSTM(hp.recurrent_units, name="lstm")(pooled)
