"""Making a version like ours of a SavedModel: the same network, behind the signatures that are served."""

import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from pipelines.importing.description import Description
from pipelines.importing.signatures import FILE, SERVE, Chosen, UnfitModelError, choose, read_graph
from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import known_input
from pipelines.preprocessing.series import MAX_VALUE_KW
from pipelines.training.checks import check_version
from pipelines.training.errors import ExportCheckError
from pipelines.training.export import COMPILED, PLAIN, export

_BATCH_SIZES = (1, 8, 16, 32)
_MAX_BATCH_BYTES = 1024 * 1024
_FLOAT_BYTES = 4
_FINGERPRINT = "fingerprint.pb"
_MAX_SHOWN = 300
_LOWERED = "_lower_using_switch_merge"
"""Mark of loops and branches that are taken apart before they run. XLA compiles them whole alone."""
_UNKNOWN_OPERATION = re.compile(r"Op type not registered '(\w+)'")

Network = Callable[[Any], Any]
"""From windows, (batch, window, feature), to forecasts, (batch, horizon), both float32."""


@dataclass(frozen=True)
class Imported:
    """A version made of a SavedModel."""

    folder: Path
    why_plain: str | None
    """Why it is not compiled; None where it is."""


def import_model(saved_model: Path, description: Description, name: str, work: Path) -> Imported:
    """Make a version, in a folder below `work`, that answers as a SavedModel does; checked like our own.

    It is compiled where XLA can do that and gives the same. `name` is that of the model it will be served as.
    Raises UnfitModelError; ExportCheckError where it does not answer the same again.
    """
    graph = read_graph(saved_model)
    chosen = choose(graph, description)
    with _loaded(saved_model, graph) as loaded:
        network = _network(loaded.signatures[chosen.signature], chosen, description.horizon)
        forecast_kw = _known_forecast_kw(network, description)

        def write(*signatures: str) -> Path:
            spec = description.spec(forecast_kw, signatures=signatures, batch_sizes=_batch_sizes(description))
            folder = work / "-".join(signatures)
            export(network, loaded, name, spec, folder)
            check_version(folder, spec)
            return folder

        try:
            return Imported(write(COMPILED, PLAIN), None)
        except ExportCheckError as error:
            why_plain = str(error)
        try:
            return Imported(write(PLAIN), why_plain)
        except ExportCheckError as error:
            raise ExportCheckError(
                f"{error}. Neither chance, as of dropout, nor other windows, before it or in the same batch, "
                "may change a forecast"
            ) from error


@contextmanager
def _loaded(saved_model: Path, graph: SavedModel) -> Iterator[Any]:
    """The SavedModel with its weights, its loops and branches left whole: see _LOWERED."""
    for definition in (meta_graph.graph_def for meta_graph in graph.meta_graphs):
        bodies = [definition.node, *(function.node_def for function in definition.library.function)]
        for node in chain.from_iterable(bodies):
            if _LOWERED in node.attr:
                del node.attr[_LOWERED]
    with tempfile.TemporaryDirectory() as place:
        for entry in saved_model.iterdir():
            if entry.name not in {FILE, _FINGERPRINT}:
                (Path(place) / entry.name).symlink_to(entry.resolve())
        (Path(place) / FILE).write_bytes(graph.SerializeToString())
        try:
            loaded = tf.saved_model.load(place, tags=[SERVE])
        except Exception as error:  # the loader raises whatever its parsers raise
            raise UnfitModelError(_why_not_loaded(error)) from error
        yield loaded


def _why_not_loaded(error: Exception) -> str:
    unknown = _UNKNOWN_OPERATION.search(str(error))
    if unknown:
        return (
            f"it has the operation {unknown[1]!r}, which is not TensorFlow's own: model servers cannot run "
            "it; export the model without it"
        )
    return f"it cannot be loaded: {_short(error)}"


def _network(signature: Any, chosen: Chosen, horizon: int) -> Network:
    dtype = signature.structured_input_signature[1][chosen.input].dtype

    def network(window: Any) -> Any:
        answer = signature(**{chosen.input: tf.cast(window, dtype)})[chosen.output]
        return tf.cast(tf.reshape(answer, (tf.shape(window)[0], horizon)), tf.float32)

    return network


def _known_forecast_kw(network: Network, description: Description) -> tuple[float, ...]:
    """What it answers to the history that every version of this description is asked with."""
    spec = description.spec((0.0,) * description.horizon)
    try:
        answer: NDArray[np.float32] = network(tf.constant(known_input(spec))).numpy()
    except (tf.errors.OpError, ValueError) as error:
        raise UnfitModelError(f"it cannot be run: {_short(error)}") from error
    kw = denormalise(answer[0], mean_kw=spec.load.mean, std_kw=spec.load.std)
    is_power = np.abs(kw) <= MAX_VALUE_KW
    if not is_power.all():
        asked = spec.known_request.history_kw
        raise UnfitModelError(
            f"asked with loads of {min(asked):g} to {max(asked):g} kW it answers {kw[~is_power][0]:g} kW, "
            "which is no power: look at mean and std of the load"
        )
    return tuple(kw.tolist())


def _batch_sizes(description: Description) -> tuple[int, ...]:
    """As many windows at a time as a request of a sensible size has."""
    window_bytes = math.prod(description.shape) * _FLOAT_BYTES
    return tuple(size for size in _BATCH_SIZES if size == 1 or size * window_bytes <= _MAX_BATCH_BYTES)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_MAX_SHOWN]
