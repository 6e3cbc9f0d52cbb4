"""The gateway in the test's own process, on a real port, before a model server that does as told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
from fastapi import FastAPI

from pipelines.spec import SIGNATURE, ForecastSpec
from services.core import tensors
from services.gateway.models import CANARY, STABLE
from services.gateway.policy import SCOPES
from services.gateway.rest.app import create_app
from services.gateway.rpc.server import RpcServer
from services.gateway.settings import Settings
from services.gateway.wiring import Gateway, open_gateway
from services.local.home import DEMO_USER, Home
from services.local.pair import HOST
from services.local.ports import free_ports
from tests.specs import a_spec
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

SPEC = a_spec(signatures=("compiled", "serving_default"), batch_sizes=(1, 8, 32))
NAMES = ("cnn", "gru")


@dataclass(frozen=True)
class Call:
    """A call that the gateway did not make of itself."""

    method: str
    raw: bytes
    time_left_s: float | None
    peer: str


class ModelServer(grpc.GenericRpcHandler):
    """Forecasts the mean of every window, which is right for the known request; records what callers ask.

    A Predict that names no version comes from a caller, and so does a GetModelStatus that names one: the
    gateway itself does it the other way round.
    """

    def __init__(
        self,
        *,
        credentials: grpc.ServerCredentials | None = None,
        options: Sequence[tuple[str, Any]] = (),
        spec: ForecastSpec = SPEC,
    ) -> None:
        self.spec = spec
        self.calls: list[Call] = []
        self.cancelled = asyncio.Event()
        self.answer: Callable[[bytes, Any], Awaitable[bytes]] | None = None
        """How callers' requests are answered instead."""
        self.wrong: set[str] = set()
        """Models that forecast something else."""
        self.delivered = 0
        """Calls of any kind."""
        self._server = grpc.aio.server(
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1), *options]
        )
        self._server.add_generic_rpc_handlers([self])
        address = f"{HOST}:0"
        self.port = (
            self._server.add_secure_port(address, credentials)
            if credentials
            else self._server.add_insecure_port(address)
        )

    async def __aenter__(self) -> "ModelServer":
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    @property
    def address(self) -> str:
        """By the name its certificate has, where it has one."""
        return f"localhost:{self.port}"

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Any method of TensorFlow Serving's."""
        method = str(details.method)
        if not method.startswith("/tensorflow.serving."):
            return None  # without a health service it counts as well

        async def answer(raw: bytes, context: Any) -> bytes:
            return await self._answer(method, raw, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    async def _answer(self, method: str, raw: bytes, context: Any) -> bytes:
        self.delivered += 1
        # The model_spec is in the same place in all of them.
        spec = get_model_status_pb2.GetModelStatusRequest.FromString(raw).model_spec
        names_version = spec.HasField("version")
        if method == GET_MODEL_STATUS and spec.version_label in (STABLE, CANARY):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label")
        if method == GET_MODEL_STATUS and not names_version:
            return _available()
        if method == PREDICT and names_version:
            return self._forecast(raw)
        self.calls.append(Call(method, raw, context.time_remaining(), context.peer()))
        try:
            if self.answer:
                return await self.answer(raw, context)
            return self._forecast(raw) if method == PREDICT else _available()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def _forecast(self, raw: bytes) -> bytes:
        request = predict_pb2.PredictRequest.FromString(raw)
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        if request.model_spec.signature_name == SIGNATURE:
            document = np.array(self.spec.model_dump_json().encode(), object)
            tensors.encode(document, response.outputs[SIGNATURE], packed=False)
        else:
            size = request.inputs[self.spec.input].tensor_shape.dim[0].size
            answer = np.full((size, self.spec.horizon), request.model_spec.name in self.wrong, np.float32)
            tensors.encode(answer, response.outputs[self.spec.output], packed=True)
        return response.SerializeToString()


def _available() -> bytes:
    response = get_model_status_pb2.GetModelStatusResponse()
    response.model_version_status.add(version=1, state=30)
    return response.SerializeToString()


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what changes on this event loop."""
    while not condition():  # noqa: ASYNC110 - conditions of many kinds
        await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Edges:
    """Both edges of a gateway, and a token for them."""

    gateway: Gateway
    rpc: grpc.aio.Channel
    https: httpx.AsyncClient
    metadata: tuple[tuple[str, str], ...]
    app: FastAPI
    admin_id: str
    """Of a user who may do everything."""

    def with_scopes(self, *scopes: str) -> tuple[tuple[str, str], ...]:
        """The metadata of a token that the admin might have asked for."""
        token = self.gateway.login.tokens.issue(self.admin_id, scopes, client_id="wattgate")
        return (("authorization", f"Bearer {token.access_token}"),)

    async def until_ready(self) -> None:
        async with asyncio.timeout(10):
            while not self.gateway.is_ready:
                await self.gateway.models.changed.wait()


@asynccontextmanager
async def edges(home: Home, model_server: str, **settings: Any) -> AsyncIterator[Edges]:
    """A gateway before the target."""
    known = {
        "bind_address": HOST,
        "grpc_port": free_ports().grpc,
        "tls_certificate": home.certificate,
        "tls_key": home.key,
        "token_key": home.token_key,
        "password_pepper": home.pepper,
        "database_url": home.database_url,
        "model_server": model_server,
        "models": NAMES,
        "model_poll_s": 0.2,
        **settings,
    }
    async with open_gateway(Settings(**known)) as gateway:
        server = RpcServer(gateway)
        await server.start()
        user = await gateway.login.users.by_name(DEMO_USER)
        assert user is not None
        token = gateway.login.tokens.issue(user.id, user.scopes, client_id="wattgate")
        users = gateway.login.users
        admin = await users.by_name("admin") or await users.add("admin", "of no password", SCOPES)
        trust = grpc.ssl_channel_credentials(home.ca_file.read_bytes())
        bearer = f"Bearer {token.access_token}"
        app = create_app(gateway)
        https = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="https://localhost",
            headers={"Authorization": bearer},
        )
        target = f"localhost:{gateway.settings.grpc_port}"
        try:
            async with https, grpc.aio.secure_channel(target, trust) as rpc:
                yield Edges(gateway, rpc, https, (("authorization", bearer),), app, admin.id)
        finally:
            await server.stop(0)
