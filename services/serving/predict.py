"""The use case: run one signature of one version, checked in TensorFlow Serving's order and words."""

from collections.abc import Iterable, Mapping, Sequence

from grpc import StatusCode
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from services.core import tensors
from services.serving.repository import Model, Repository
from services.serving.running import by_size
from services.serving.saved_model import Arrays, Outputs
from services.serving.status import StatusError, invalid

DEFAULT_SIGNATURE = "serving_default"
"""The signature of a request that names none."""


async def predict(repository: Repository, request: PredictRequest, *, packed: bool) -> PredictResponse:
    """Answer a Predict call; `packed` answers tensors in `tensor_content`.

    Raises StatusError: NOT_FOUND (model, version), FAILED_PRECONDITION (signature), INVALID_ARGUMENT
    (inputs, outputs asked for), or what TensorFlow says of the run.
    """
    spec = request.model_spec
    version, model = repository.resolve(spec)
    signature = spec.signature_name or DEFAULT_SIGNATURE
    outputs = await run(model, signature, request)
    response = PredictResponse()
    response.model_spec.name = spec.name
    response.model_spec.signature_name = signature
    response.model_spec.version.value = version
    size = sum(array.nbytes for array in outputs.values())
    await by_size(size, _write, outputs, response, packed=packed)
    return response


async def run(model: Model, signature: str, request: PredictRequest) -> Outputs:
    """Run a signature on a request's tensors; an empty filter asks for every output.

    Raises StatusError as `predict` does.
    """
    definition = model.signatures.get(signature)
    if definition is None:
        raise StatusError(StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
    inputs = _given(request.inputs, definition)
    arrays = await by_size(request.ByteSize(), _read, inputs)
    _check_filter(request.output_filter, definition.outputs.keys())
    outputs = await model.run(signature, arrays)
    return {name: outputs[name] for name in request.output_filter} if request.output_filter else outputs


def _given(inputs: Mapping[str, TensorProto], definition: SignatureDef) -> dict[str, TensorProto]:
    """Exactly the signature's inputs: those sent, and the signature's defaults for the others."""
    wanted, defaults = definition.inputs, definition.defaults
    if len(inputs) > len(wanted) or (len(inputs) < len(wanted) and not defaults):
        extra, missing = inputs.keys() - wanted.keys(), wanted.keys() - inputs.keys()
        raise invalid(
            f"input size does not match signature: {len(inputs)}!={len(wanted)} "
            f"len({{{_listed(inputs)}}}) != len({{{_listed(wanted)}}}). "
            f"Sent extra: {{{_listed(extra)}}}. Missing but required: {{{_listed(missing)}}}."
        )
    given = {}
    for name, info in wanted.items():
        if name in inputs:
            given[name] = inputs[name]
        elif name in defaults:
            given[name] = defaults[name]
        else:
            raise invalid(
                f"Signature input alias: {name}(feed name: {info.name}) not found in request and no default "
                f"value provided. Inputs expected to be in the request {{{_listed(inputs)}}}, or default "
                f"input alias set: {_listed(defaults)}"
            )
    used = inputs.keys() & wanted.keys()
    if len(used) != len(inputs):
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {_listed(used)}, "
            f"request input: {_listed(inputs)}"
        )
    return given


def _read(inputs: Mapping[str, TensorProto]) -> Arrays:
    arrays = {}
    for name, tensor in inputs.items():
        try:
            arrays[name] = tensors.decode(tensor)
        except tensors.InvalidTensorError as error:
            raise invalid(f"tensor parsing error: {name}: {error}") from error
    return arrays


def _write(outputs: Outputs, response: PredictResponse, *, packed: bool) -> None:
    for name, array in outputs.items():
        try:
            tensors.encode(array, response.outputs[name], packed=packed)
        except tensors.InvalidTensorError as error:
            raise StatusError(StatusCode.UNIMPLEMENTED, f"output {name}: {error}") from error


def _check_filter(output_filter: Sequence[str], known: Iterable[str]) -> None:
    known = set(known)
    seen = set()
    for name in output_filter:
        if name not in known:
            raise invalid(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{_listed(known)}}}."
            )
        if name in seen:
            raise invalid(f"duplicate output tensor alias: {name}")
        seen.add(name)


def _listed(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
