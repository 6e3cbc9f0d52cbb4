"""Which signature of a SavedModel forecasts as a description says, told without loading it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from pipelines.importing.description import Description

SERVE, DEFAULT = "serve", "serving_default"
"""What servers look for: the tag of a graph, the signature of callers that name none."""

FILE = "saved_model.pb"

_FLOATS = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
_OPEN = -1


class UnfitModelError(Exception):
    """A SavedModel that cannot be served by its description; the message says what to do."""


@dataclass(frozen=True)
class Chosen:
    """A signature, and its one input and output."""

    signature: str
    input: str
    output: str


def read_graph(folder: Path) -> SavedModel:
    """The SavedModel in a folder, without its weights. Raises UnfitModelError."""
    if folder.is_file():
        raise UnfitModelError(
            f"{folder} is a file, and a SavedModel is a folder: write one with model.export('folder') of "
            "Keras, or tf.saved_model.save"
        )
    file = folder / FILE
    if not file.is_file():
        inside = sorted(str(found.parent) for found in folder.glob(f"*/{FILE}"))
        hint = f"name a version of it: {', '.join(inside)}" if inside else "only SavedModels can be imported"
        raise UnfitModelError(f"{folder} has no {FILE}: {hint}")
    try:
        return SavedModel.FromString(file.read_bytes())
    except DecodeError:
        raise UnfitModelError(f"{file} is not a SavedModel's") from None


def choose(graph: SavedModel, description: Description) -> Chosen:
    """The signature that is named or, where none is, the one that fits. Raises UnfitModelError."""
    signatures = _signatures(graph)
    if description.signature is not None:
        if description.signature not in signatures:
            raise UnfitModelError(
                f"signature: there is no {description.signature!r} in it; there are: {', '.join(signatures)}"
            )
        signatures = {description.signature: signatures[description.signature]}
    faults, fitting = [], {}
    for name, definition in signatures.items():
        try:
            fitting[name] = _fitted(name, definition, description)
        except UnfitModelError as error:
            faults.append(f"signature {name}: {error}")
    if not fitting:
        raise UnfitModelError("; ".join(faults) or "it has no signature to serve")
    if len(fitting) > 1 and DEFAULT not in fitting:
        raise UnfitModelError(f"signature: name one of those that fit: {', '.join(fitting)}")
    return fitting[DEFAULT] if DEFAULT in fitting else next(iter(fitting.values()))


def _signatures(graph: SavedModel) -> dict[str, SignatureDef]:
    served: list[MetaGraphDef] = [each for each in graph.meta_graphs if SERVE in each.meta_info_def.tags]
    if not served:
        raise UnfitModelError(f"it has no graph with the tag {SERVE!r}, which model servers look for")
    return {
        name: definition
        for name, definition in sorted(served[0].signature_def.items())
        if not name.startswith("__")
    }


def _fitted(name: str, definition: SignatureDef, description: Description) -> Chosen:
    """Its input and output; raises UnfitModelError where they do not fit."""
    if len(definition.inputs) != 1:
        raise UnfitModelError(
            f"it takes {len(definition.inputs)} inputs{_listed(definition.inputs)}; one is fed, the window"
        )
    taken = _named(definition.inputs, description.input, "input")
    _check_input(taken, definition.inputs[taken], description)
    answered = _named(definition.outputs, description.output, "output")
    _check_output(answered, definition.outputs[answered], description)
    return Chosen(name, taken, answered)


def _named(tensors: Mapping[str, TensorInfo], wanted: str | None, field: str) -> str:
    if wanted is not None and wanted not in tensors:
        raise UnfitModelError(f"{field}: it has no {wanted!r}{_listed(tensors)}")
    if wanted is None and len(tensors) != 1:
        raise UnfitModelError(f"{field}: name one of its {len(tensors)}{_listed(tensors)}")
    return wanted or next(iter(tensors))


def _check_input(name: str, info: TensorInfo, description: Description) -> None:
    shape = _shape(info)
    steps, columns = description.shape
    if info.dtype not in _FLOATS:
        raise UnfitModelError(f"its input {name} is {types_pb2.DataType.Name(info.dtype)}, not a float")
    if shape is not None and (len(shape) != 3 or not _fit(shape[1:], (steps, columns))):
        raise UnfitModelError(
            f"its input {name} has the shape {_text(shape)}; by its spec it is (None, {steps}, "
            f"{columns}): window {steps}, {columns} features"
        )
    if shape is not None and shape[0] != _OPEN:
        raise UnfitModelError(
            f"its input {name} takes {shape[0]} windows at a time alone: export it with None there"
        )


def _check_output(name: str, info: TensorInfo, description: Description) -> None:
    shape, horizon = _shape(info), description.horizon
    if info.dtype not in _FLOATS:
        raise UnfitModelError(f"its output {name} is {types_pb2.DataType.Name(info.dtype)}, not a float")
    if shape is None or (len(shape) in {2, 3} and _fit(shape[1:], (horizon, 1)[: len(shape) - 1])):
        return
    if len(shape) == 3 and _fit(shape[1:2], (horizon,)):
        raise UnfitModelError(
            f"its output {name} has {shape[2]} values a step: export a signature that answers the median "
            "alone; intervals come from the spec"
        )
    raise UnfitModelError(
        f"its output {name} has the shape {_text(shape)}; by its spec it is (None, {horizon}): "
        f"horizon {horizon}"
    )


def _shape(info: TensorInfo) -> tuple[int, ...] | None:
    """Sizes, _OPEN where any will do; None where not even the rank is known."""
    return None if info.tensor_shape.unknown_rank else tuple(dim.size for dim in info.tensor_shape.dim)


def _fit(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(size in {_OPEN, asked} for size, asked in zip(shape, wanted, strict=True))


def _text(shape: tuple[int, ...]) -> str:
    return f"({', '.join('None' if size == _OPEN else str(size) for size in shape)})"


def _listed(tensors: Mapping[str, TensorInfo]) -> str:
    return f" ({', '.join(sorted(tensors))})" if tensors else ""
