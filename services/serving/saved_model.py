"""One loaded version of a model: a SavedModel in a session, one callable per signature."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from numpy.typing import NDArray
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.saved_model import CLASSIFY_METHOD_NAME, REGRESS_METHOD_NAME

from services.core import tensors
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]
Outputs = dict[str, NDArray[Any]]

_API = {CLASSIFY_METHOD_NAME: "Classify", REGRESS_METHOD_NAME: "Regress"}
"""The API a signature is made for, by its method."""

_STATUS_CODES = {code.value[0]: code for code in StatusCode}


class SavedModel:
    """A SavedModel as TensorFlow Serving loads it: TF1 or TF2 export, in a session of its own."""

    def __init__(self, folder: Path) -> None:
        """Load from a version's folder; raises StatusError when TensorFlow cannot."""
        self._session = tf.compat.v1.Session(
            graph=tf.Graph(),
            # Exports that name a GPU run on the CPU.
            config=tf.compat.v1.ConfigProto(allow_soft_placement=True),
        )
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(
                    self._session, [tf.saved_model.SERVING], str(folder)
                )
        except tf.errors.OpError as error:
            raise _status(error) from error
        except Exception as error:
            # Not a SavedModel, or a broken one: the loader raises whatever its parsers raise.
            raise StatusError(StatusCode.FAILED_PRECONDITION, f"cannot load {folder}: {error}") from error
        self.signatures: Mapping[str, SignatureDef] = dict(meta_graph.signature_def)
        self._calls: dict[str, _Call] = {}
        for name, signature in self.signatures.items():
            try:
                self._calls[name] = _Call(self._session, signature)
            except (tf.errors.OpError, ValueError) as error:
                # Such as the initialiser, which has no output: listed in the metadata, fails when called.
                log.debug("signature %s of %s cannot be called: %s", name, folder, error)

    def api(self, signature: str) -> str:
        """The API that a signature of `signatures` is made for: Predict, Classify or Regress."""
        return _API.get(self.signatures[signature].method_name, "Predict")

    def run(self, signature: str, inputs: Arrays) -> Outputs:
        """Run a signature of `signatures` on exactly its inputs; safe from many threads.

        Fed shapes are not checked against the signature's, as in TensorFlow Serving: clients rely on it.
        Raises StatusError with TensorFlow's code and message when the run fails, a wrong dtype included.
        """
        call = self._calls.get(signature)
        if call is None:
            raise invalid(f'Signature "{signature}" cannot be run.')
        return call(inputs)


class _Call:
    def __init__(self, session: tf.compat.v1.Session, signature: SignatureDef) -> None:
        self._inputs = sorted(signature.inputs)
        outputs = {name: info.name for name, info in sorted(signature.outputs.items())}
        fetched = list(dict.fromkeys(outputs.values()))
        self._outputs = [
            (name, fetched.index(tensor), signature.outputs[name].dtype == tensors.DT_STRING)
            for name, tensor in outputs.items()
        ]
        options = CallableOptions(feed=[signature.inputs[name].name for name in self._inputs], fetch=fetched)
        # In the calling thread: a hop to TensorFlow's pool costs more than these graphs gain by it.
        options.run_options.inter_op_thread_pool = -1
        # The public Session.make_callable and Session.run check fed shapes; this, under both, does not.
        self._run: Callable[..., list[Any]] = session._make_callable_from_options(options)

    def __call__(self, inputs: Arrays) -> Outputs:
        try:
            fetched = self._run(*[inputs[name] for name in self._inputs])
        except tf.errors.OpError as error:
            raise _status(error) from error
        return {
            # A scalar string is fetched as bytes, which numpy would take for its own fixed-width type.
            name: np.asarray(fetched[index], object if is_string else None)
            for name, index, is_string in self._outputs
        }


def _status(error: tf.errors.OpError) -> StatusError:
    return StatusError(_STATUS_CODES[error.error_code], error.message)
