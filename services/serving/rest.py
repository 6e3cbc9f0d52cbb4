"""REST edge: TensorFlow Serving's HTTP API. Translates and decides nothing."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus

from grpc import StatusCode
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec

from services.serving.json_tensors import parse_row_request, row_response
from services.serving.predict import DEFAULT_SIGNATURE
from services.serving.repository import Repository
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Largest request body; TensorFlow Serving has no limit."""

_VERSION = "(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(f"/v1/models/(?P<name>[^/:]+){_VERSION}:predict", re.IGNORECASE)
_STATUS = re.compile(f"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}", re.IGNORECASE)

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


class _TooLargeError(Exception):
    pass


def app(repository: Repository, runs: Executor) -> ASGIApp:
    """The ASGI application.

    JSON is read and models run on `runs`; status is answered on the event loop, so that it can be asked of a
    busy server.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            respond = _responder(repository, request.method, request.url.path, await _body(request))
            if request.method == "GET":
                response = _json(HTTPStatus.OK, respond())
            else:
                response = _json(
                    HTTPStatus.OK, await asyncio.get_running_loop().run_in_executor(runs, respond)
                )
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


def _responder(repository: Repository, method: str, path: str, body: bytes) -> Callable[[], str]:
    if method == "POST" and (match := _PREDICT.fullmatch(path)):
        return partial(_predict, repository, _model_spec(match), body)
    if method == "GET" and (match := _STATUS.fullmatch(path)):
        if match["name"] is None:
            raise invalid("Missing model name in request.")
        return partial(_status, repository, _model_spec(match))
    raise invalid(f"Malformed request: {method} {path}")


def _model_spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=match["name"])
    if match["version"] is not None:
        try:
            spec.version.value = int(match["version"])
        except ValueError:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.") from None
    elif match["label"] is not None:
        spec.version_label = match["label"]
    return spec


def _predict(repository: Repository, spec: ModelSpec, body: bytes) -> str:
    document = parse_row_request(body)
    _, model = repository.resolve(spec)
    name = document.signature_name or DEFAULT_SIGNATURE
    signature = model.signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    return row_response(model.run(name, document.arrays(signature.inputs)))


def _status(repository: Repository, spec: ModelSpec) -> str:
    return json.dumps(
        {
            "model_version_status": [
                {
                    "version": str(version),
                    "state": ModelVersionStatus.State.Name(ModelVersionStatus.AVAILABLE),
                    "status": {"error_code": "OK", "error_message": ""},
                }
                for version in repository.available(spec)
            ]
        }
    )


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
