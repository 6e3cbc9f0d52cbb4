"""A TF1-style SavedModel over tf.Example, with signatures that classify, regress, and some that cannot."""

import tensorflow as tf

tf1 = tf.compat.v1

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PREDICT = "tensorflow/serving/predict"


def export_examples(folder):
    """The regression is x/2+2; the classes of an example are `small` with score x and `large` with -x."""
    with tf.Graph().as_default(), tf1.Session() as session:
        examples, x = _parsed("examples")
        _, other_x = _parsed("other")
        other = other_x.graph.get_tensor_by_name("other:0")
        plus = tf1.placeholder_with_default(tf.constant(0.5), (), name="plus")
        half = x / 2 + 2
        scores = tf.stack([x, -x], axis=1)
        classes = tf.tile(tf.constant([["small", "large"]]), [tf.shape(x)[0], 1])
        signatures = {
            "serving_default": (REGRESS, {"inputs": examples}, {"outputs": half}),
            "regress": (REGRESS, {"inputs": examples}, {"outputs": half[:, None]}),
            "classify": (CLASSIFY, {"inputs": examples}, {"classes": classes, "scores": scores}),
            "labels": (CLASSIFY, {"inputs": examples}, {"classes": classes}),
            "scores": (PREDICT, {"inputs": examples}, {"scores": scores}),
            "other": (REGRESS, {"inputs": other}, {"outputs": other_x}),
            "two_inputs": (REGRESS, {"inputs": examples, "plus": plus}, {"outputs": half}),
            "two_outputs": (REGRESS, {"inputs": examples}, {"outputs": half, "scores": half}),
            "three_outputs": (CLASSIFY, {"inputs": examples}, {"classes": x, "scores": x, "more": x}),
            "misnamed_input": (REGRESS, {"examples": examples}, {"outputs": half}),
            "misnamed_output": (REGRESS, {"inputs": examples}, {"y": half}),
            "wide": (REGRESS, {"inputs": examples}, {"outputs": scores}),
            "double": (REGRESS, {"inputs": examples}, {"outputs": tf.cast(x, tf.float64)}),
            "short": (REGRESS, {"inputs": examples}, {"outputs": half[1:]}),
            "flat": (CLASSIFY, {"inputs": examples}, {"scores": x}),
            "numbers": (CLASSIFY, {"inputs": examples}, {"classes": scores}),
            "short_scores": (CLASSIFY, {"inputs": examples}, {"scores": scores[1:]}),
            "uneven": (CLASSIFY, {"inputs": examples}, {"classes": classes, "scores": scores[:, :1]}),
        }
        builder = tf1.saved_model.Builder(str(folder))
        definitions = {
            name: tf1.saved_model.build_signature_def(_infos(inputs), _infos(outputs), method)
            for name, (method, inputs, outputs) in signatures.items()
        }
        definitions["optional"] = tf1.saved_model.build_signature_def(
            _infos({"x": x, "plus": plus}),
            _infos({"y": x + plus}),
            PREDICT,
            {"plus": tf.constant(10.0)},
        )
        builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], definitions)
        builder.save()
    return folder


def _parsed(name):
    examples = tf1.placeholder(tf.string, (None,), name=name)
    return examples, tf1.parse_example(examples, {"x": tf1.FixedLenFeature((), tf.float32, 0.0)})["x"]


def _infos(tensors):
    return {name: tf1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
