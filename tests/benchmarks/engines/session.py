"""The model as every engine runs it: the fastest way there is in Python, a session's raw callable."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf.config_pb2 import CallableOptions


def load(folder: str, signature: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A signature of one input and one output; runs in the calling thread, safe from many."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], folder)
    (given,) = loaded.signature_def[signature].inputs.values()
    (wanted,) = loaded.signature_def[signature].outputs.values()
    options = CallableOptions(feed=[given.name], fetch=[wanted.name])
    options.run_options.inter_op_thread_pool = -1
    run = session._make_callable_from_options(options)
    return lambda window: run(window)[0]
