"""A SavedModel that adds: what versions are told apart by."""

import tensorflow as tf


class _Plus(tf.Module):
    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(offset, dtype=tf.float32)
        # 4 MB, for memory that is not given back to show: fifty that stay are a third of the server.
        self.weight = tf.Variable(tf.ones((1024, 1024)))

    @tf.function(input_signature=[tf.TensorSpec((None, 1), tf.float32, name="x")])
    def plus(self, x):
        return {"y": x + self.offset + 0 * self.weight[0, 0]}


def export_plus(offset, folder):
    """It answers x + offset."""
    module = _Plus(offset)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.plus})
