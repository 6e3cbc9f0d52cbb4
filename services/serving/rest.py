"""REST edge: TensorFlow Serving's HTTP API. Translates and decides nothing."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

from grpc import StatusCode
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from services.serving import json_document, json_examples, json_predict, model_service
from services.serving.inference import classify, regress
from services.serving.metadata import SIGNATURE_DEF, metadata
from services.serving.predict import DEFAULT_SIGNATURE
from services.serving.repository import Repository
from services.serving.rest_messages import write_metadata, write_status
from services.serving.running import by_size
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Largest request body; TensorFlow Serving has no limit."""

_VERSION = "(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(f"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<verb>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(f"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<part>metadata))?", re.IGNORECASE)

_HTTP = {
    StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    StatusCode.ABORTED: HTTPStatus.CONFLICT,
    StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    StatusCode.CANCELLED: 499,
    StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}
"""Every other code is a 500."""


_TIMED_OUT = "Timed out waiting for notification"
"""What TensorFlow says of a run that took longer than its options allow."""


class _TooLargeError(Exception):
    pass


def app(repository: Repository, *, timeout_s: float) -> ASGIApp:
    """The ASGI application; a request that takes longer than `timeout_s` to answer is given up."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            respond = _responder(
                repository, request.method, scope["raw_path"].decode("latin-1"), await _body(request)
            )
            async with asyncio.timeout(timeout_s):
                response = _json(HTTPStatus.OK, await respond())
        except TimeoutError:
            response = _error(HTTPStatus.GATEWAY_TIMEOUT, _TIMED_OUT)
        except ClientDisconnect:
            return
        except _TooLargeError:
            text = f"Request body is over the limit of {MAX_BODY_BYTES} bytes"
            response = _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        except StatusError as error:
            response = _error(_HTTP.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), error.message)
        except Exception:  # a bug of ours: nothing of it leaves
            log.exception("bug while answering %s", request.method)
            response = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")
        await response(scope, receive, send)

    return answer


def _responder(repository: Repository, method: str, path: str, body: bytes) -> Callable[[], Awaitable[str]]:
    """What answers a request; `path` is still percent-encoded."""
    if method == "POST" and (match := _POST.fullmatch(path)):
        spec = _model_spec(match)
        # Upstream takes the path in any case, but the verb as it stands.
        if verb := {"predict": _predict, "classify": _classify, "regress": _regress}.get(match["verb"]):
            return partial(verb, repository, spec, body)
    elif method == "GET" and (match := _GET.fullmatch(path)):
        spec = _model_spec(match)
        if not spec.name:
            raise invalid("Missing model name in request.")
        return partial(_metadata if match["part"] == "metadata" else _status, repository, spec)
    raise invalid(f"Malformed request: {method} {path}")


def _model_spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=unquote(match["name"] or ""))
    if match["version"] is not None:
        try:
            spec.version.value = int(match["version"])
        except ValueError:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.") from None
    elif match["label"] is not None:
        spec.version_label = unquote(match["label"])
    return spec


async def _predict(repository: Repository, spec: ModelSpec, body: bytes) -> str:
    document = await by_size(len(body), json_document.parse, body)
    asked = json_document.signature_name(document)
    _, model = repository.resolve(spec)
    name = asked or DEFAULT_SIGNATURE
    signature = model.signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    arrays, write = await by_size(len(body), json_predict.read, document, signature.inputs, asked)
    outputs = await model.run(name, arrays)
    return await by_size(sum(array.nbytes for array in outputs.values()), write, outputs)


async def _classify(repository: Repository, spec: ModelSpec, body: bytes) -> str:
    document = await by_size(len(body), json_document.parse, body)
    spec.signature_name = json_document.signature_name(document)
    sent = await by_size(len(body), json_examples.read, document)
    response = await classify(repository, ClassificationRequest(model_spec=spec, input=sent))
    return await by_size(response.ByteSize(), json_examples.write_classifications, response.result)


async def _regress(repository: Repository, spec: ModelSpec, body: bytes) -> str:
    document = await by_size(len(body), json_document.parse, body)
    spec.signature_name = json_document.signature_name(document)
    sent = await by_size(len(body), json_examples.read, document)
    response = await regress(repository, RegressionRequest(model_spec=spec, input=sent))
    return await by_size(response.ByteSize(), json_examples.write_regressions, response.result)


async def _status(repository: Repository, spec: ModelSpec) -> str:
    return write_status(model_service.status(repository, GetModelStatusRequest(model_spec=spec)))


async def _metadata(repository: Repository, spec: ModelSpec) -> str:
    request = GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURE_DEF])
    return write_metadata(metadata(repository, request))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _TooLargeError
    return bytes(body)


def _json(status: int, text: str) -> Response:
    return Response(text, status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json(status, json.dumps({"error": message}))
