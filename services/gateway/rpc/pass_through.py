"""TensorFlow Serving's own API at the gateway's door: requests are read, and forwarded as they came."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from pipelines.spec import SIGNATURE, ForecastSpec
from services.core.errors import (
    InvalidRequestError,
    ModelFailedError,
    ModelNotFoundError,
    NotServedError,
    RefusedError,
    ServiceError,
    TooLargeError,
)
from services.core.telemetry.calls import caller, note
from services.gateway.adapters.tfserving import TensorFlowServing, shown
from services.gateway.models import STABLE
from services.gateway.rpc.calls import Context, deadline_of
from services.gateway.wiring import Gateway
from wattgate.tfserving.methods import (
    DEFAULT_SIGNATURE,
    GET_MODEL_METADATA,
    GET_MODEL_STATUS,
    MODEL_SERVICE,
    PREDICT,
    PREDICTION_SERVICE,
)
from wattgate.tfserving.v1 import get_model_metadata_pb2, get_model_status_pb2, predict_pb2, tensor_pb2
from wattgate.tfserving.v1.model_pb2 import ModelSpec
from wattgate.tfserving.v1.predict_pb2 import PredictRequest

_MAX_QUESTION_BYTES = 64 * 1024
"""Of a request that only names things."""

_MAX_SHOWN, _MOST_SHOWN = 64, 3
"""Characters of a caller's name that an error repeats; names."""

_NOT_SERVED = {
    PREDICTION_SERVICE: ("Classify", "Regress", "MultiInference"),
    MODEL_SERVICE: ("HandleReloadConfigRequest",),
}

_OF_FLOATS = {"dtype", "tensor_shape", "version_number", "tensor_content", "float_val"}
"""The fields of a tensor of floats."""


@dataclass(frozen=True)
class _Sent:
    """A request as it came, and what it says."""

    raw: bytes
    message: Any


def handlers(gateway: Gateway) -> list[grpc.GenericRpcHandler]:
    """Both services; of their methods, those that read are passed through, the others never."""
    through = _PassThrough(gateway)
    most = gateway.settings.max_predict_bytes
    passed = {
        PREDICT: (through.predict, _reader(predict_pb2.PredictRequest, most)),
        GET_MODEL_METADATA: (
            through.metadata,
            _reader(get_model_metadata_pb2.GetModelMetadataRequest, _MAX_QUESTION_BYTES),
        ),
        GET_MODEL_STATUS: (
            through.status,
            _reader(get_model_status_pb2.GetModelStatusRequest, _MAX_QUESTION_BYTES),
        ),
    }
    services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {
        service: {name: grpc.unary_unary_rpc_method_handler(_refuse) for name in names}
        for service, names in _NOT_SERVED.items()
    }
    for path, (answer, read) in passed.items():
        service, _, name = path.removeprefix("/").partition("/")
        services[service][name] = grpc.unary_unary_rpc_method_handler(answer, read)
    return [grpc.method_handlers_generic_handler(service, methods) for service, methods in services.items()]


async def _refuse(_raw: bytes, _context: Context) -> bytes:
    raise NotServedError("This call is not passed through: ask for Predict, GetModelMetadata, GetModelStatus")


def _reader(kind: type[Message], most: int) -> Callable[[bytes], _Sent]:
    def read(raw: bytes) -> _Sent:
        if len(raw) > most:
            raise TooLargeError(f"The request has {len(raw):,} bytes; {most:,} is the limit")
        message: Any = kind.FromString(raw)
        spec = message.model_spec
        _check_known(message, spec, spec.version)
        return _Sent(raw, message)

    return read


def _tfserving(gateway: Gateway) -> TensorFlowServing:
    """Who answers. Raises NotServedError where the models run on something else."""
    if gateway.engine.tfserving is None:
        raise NotServedError(
            "The models here do not run on TensorFlow Serving, so nothing is passed through to it: call "
            "wattgate.forecast.v1.ForecastService"
        )
    return gateway.engine.tfserving


def _check_known(*messages: Message) -> None:
    """Raise InvalidRequestError for fields that nobody looks at here: whoever does, may fail at them."""
    if any(len(UnknownFieldSet(message)) for message in messages):
        raise InvalidRequestError("The request has fields that are not passed through")


class _PassThrough:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def predict(self, sent: _Sent, context: Context) -> bytes:
        """Predict: takes its place like a forecast."""
        gateway = self._gateway
        tfserving = _tfserving(gateway)
        deadline = deadline_of(context, gateway.settings.timeout_s)
        spec = sent.message.model_spec
        try:
            self._check_served(spec, _servable(spec))
            check(sent.message, gateway.models.served(spec.name).spec)
        except ServiceError:
            gateway.quotas.take(caller())  # it took its time to read
            raise
        gateway.quotas.take(caller(), _windows(sent.message))
        async with gateway.admission.place(deadline):
            raw = sent.raw + self._stable(spec)
            return await tfserving.forward(PREDICT, raw, timeout_s=deadline.for_upstream_s())

    def _stable(self, spec: ModelSpec) -> bytes:
        """What makes a request that names no version one for the stable version, where one is labelled so.

        The model server's own choice is the newest, which may be a canary. Messages one after the other are
        one: the later's fields count (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
        """
        if spec.WhichOneof("version_choice") or not self._gateway.models.state(spec.name).is_labelled:
            return b""
        return PredictRequest(model_spec=ModelSpec(version_label=STABLE)).SerializeToString()

    async def metadata(self, sent: _Sent, context: Context) -> bytes:
        """GetModelMetadata."""
        return await self._ask(GET_MODEL_METADATA, sent, context, _servable(sent.message.model_spec))

    async def status(self, sent: _Sent, context: Context) -> bytes:
        """GetModelStatus; of why a version failed no more than an error tells."""
        name = sent.message.model_spec.name[:_MAX_SHOWN]
        unknown = f"Could not find any versions of model {name}"
        answer = await self._ask(GET_MODEL_STATUS, sent, context, unknown)
        return _without_paths(answer)

    async def _ask(self, method: str, sent: _Sent, context: Context, unknown: str) -> bytes:
        deadline = deadline_of(context, self._gateway.settings.timeout_s)
        if not sent.message.HasField("model_spec"):
            raise InvalidRequestError("Missing ModelSpec")
        self._check_served(sent.message.model_spec, unknown)
        return await _tfserving(self._gateway).forward(method, sent.raw, timeout_s=deadline.for_upstream_s())

    def _check_served(self, spec: ModelSpec, unknown: str) -> None:
        """Other models of the model server do not exist here, as it says itself of those it has not."""
        if not spec.name:
            raise InvalidRequestError("ModelSpec has no name specified.")
        note(spec.name)
        try:
            self._gateway.models.state(spec.name)
        except ModelNotFoundError:
            raise ModelNotFoundError(unknown) from None


def _servable(spec: ModelSpec) -> str:
    name = spec.name[:_MAX_SHOWN]
    which = f"Specific({name}, {spec.version.value})" if spec.HasField("version") else f"Latest({name})"
    return f"Servable not found for request: {which}"


def check(request: predict_pb2.PredictRequest, spec: ForecastSpec) -> None:
    """Raise InvalidRequestError or RefusedError for a request that the model's signatures do not take.

    What a model server makes of tensors that do not fit is its own affair, and may be its end.
    """
    signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
    wanted: tuple[str, ...]
    if signature == SIGNATURE:
        wanted, output = (), SIGNATURE
    elif signature in spec.signatures:
        wanted, output = (spec.input,), spec.output
    else:
        raise RefusedError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f'Serving signature key "{signature[:_MAX_SHOWN]}" not found.',
        )
    if len(request.inputs) != len(wanted) or any(name not in request.inputs for name in wanted):
        raise InvalidRequestError(_other_inputs(request, wanted))
    for name in wanted:
        _check_tensor(request.inputs[name], name, signature, spec)
    for i, name in enumerate(request.output_filter):
        if name != output:
            raise InvalidRequestError(
                f"output tensor alias not found in signature: {name[:_MAX_SHOWN]} "
                f"Outputs expected to be in the set {{{output}}}."
            )
        if i:
            raise InvalidRequestError(f"duplicate output tensor alias: {name}")


def _windows(request: predict_pb2.PredictRequest) -> int:
    """In a request that was checked: those of its one input, or of the signature's known request."""
    return max((tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()), default=1)


def _other_inputs(request: predict_pb2.PredictRequest, wanted: tuple[str, ...]) -> str:
    sent = sorted(request.inputs)
    shown = ", ".join(name[:_MAX_SHOWN] for name in sent[:_MOST_SHOWN])
    extra = ", ".join(name[:_MAX_SHOWN] for name in sent[:_MOST_SHOWN] if name not in wanted)
    missing = ", ".join(name for name in wanted if name not in request.inputs)
    return (
        f"input size does not match signature: {len(sent)}!={len(wanted)} "
        f"len({{{shown}}}) != len({{{', '.join(wanted)}}}). "
        f"Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
    )


def _check_tensor(tensor: tensor_pb2.TensorProto, name: str, signature: str, spec: ForecastSpec) -> None:
    """A window is a row of what the gateway itself would send; so is the number of them in a batch."""
    if tensor.dtype != tensor_pb2.DT_FLOAT:
        raise InvalidRequestError(f"input {name} is not of dtype DT_FLOAT")
    fields = {field.name: value for field, value in tensor.ListFields()}
    if other := fields.keys() - _OF_FLOATS:
        raise InvalidRequestError(f"input {name} of dtype DT_FLOAT has values in {min(other)}")
    shape = tensor.tensor_shape
    window = [spec.window, len(spec.features)]
    if shape.unknown_rank or len(shape.dim) != 3 or [dim.size for dim in shape.dim[1:]] != window:
        raise InvalidRequestError(f"input {name} is not of shape {[-1, *window]}")
    _check_known(tensor, shape, *shape.dim)
    batch = shape.dim[0].size
    sizes = spec.batch_sizes
    # Whoever names another size has a compiled signature compiled for it: a second or so, kept for good.
    if not 0 < batch <= sizes[-1] or (signature != DEFAULT_SIGNATURE and batch not in sizes):
        taken = f"1 to {sizes[-1]}" if signature == DEFAULT_SIGNATURE else ", ".join(map(str, sizes))
        raise InvalidRequestError(f"input {name} has {batch} windows; {signature} takes {taken} at a time")
    count = batch * spec.window * len(spec.features)
    content, values = len(fields.get("tensor_content", b"")), len(fields.get("float_val", ()))
    if content and (content != 4 * count or values):
        raise InvalidRequestError(
            f"input {name} has {content} bytes of tensor_content; its shape takes {4 * count}, no float_val"
        )
    if not content and not 0 < values <= count:
        # Fewer are allowed: the last one repeats.
        raise InvalidRequestError(f"input {name} has {values} values; its shape has {count}")


def _without_paths(answer: bytes) -> bytes:
    """An answer to GetModelStatus as it came, unless a version's error has words that callers do not see."""
    try:
        response = get_model_status_pb2.GetModelStatusResponse.FromString(answer)
    except DecodeError:
        raise ModelFailedError("The model server answered a status that cannot be read") from None
    changed = False
    for version in response.model_version_status:
        words = version.status.error_message
        if words and shown(words) != words:
            version.status.error_message = shown(words)
            changed = True
    return response.SerializeToString() if changed else answer
