"""The two networks: a recurrent path beside a linear one.

A recurrent network alone loses to repeating the last value: its output hardly follows the level of the
input. A linear autoregressive path beside it cures that (LSTNet, Lai et al. 2018, section 3.5).
"""

from typing import Any

import keras

from pipelines.spec import LOAD
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.linear import LinearPath


def build(architecture: Architecture, linear: LinearPath, hyperparameters: Hyperparameters) -> Any:
    """A Keras model from windows, shape (batch, window, feature), to forecasts, shape (batch, horizon).

    Both normalised. It starts as the given linear path exactly: the recurrent path's last layer is zero.
    """
    hp = hyperparameters
    window = keras.Input((hp.window, len(hp.features)), name="window")
    load = window[:, :, hp.features.index(LOAD)]
    last = load[:, -1:]
    linear_path = keras.layers.Dense(hp.horizon, trainable=False, name="linear")
    along_the_line = last + linear_path(load - last)

    state = _gru(window, hp) if architecture == "gru" else _cnn_lstm(window, hp)
    # The calendar of the last step goes past the recurrence, which blurs it.
    known = keras.layers.Concatenate()([state, window[:, -1, :]])
    hidden = keras.layers.Dense(hp.head_units, activation="relu", name="head")(known)
    beside = keras.layers.Dense(hp.horizon, kernel_initializer="zeros", name="correction")(hidden)

    model = keras.Model(window, along_the_line + beside, name=architecture)
    linear_path.set_weights([linear.kernel, linear.bias])
    return model


def _gru(window: Any, hp: Hyperparameters) -> Any:
    return keras.layers.GRU(hp.recurrent_units, name="gru")(window)


def _cnn_lstm(window: Any, hp: Hyperparameters) -> Any:
    convolved = keras.layers.Conv1D(
        hp.filters, hp.kernel, padding="causal", activation="relu", name="convolution"
    )(window)
    pooled = keras.layers.MaxPooling1D(hp.pool, name="pooling")(convolved)
    return keras.layers.LSTM(hp.recurrent_units, name="lstm")(pooled)
