"""Every method and every route needs a token with its scope, but for those that are open to all."""

from types import SimpleNamespace

import grpc
import grpc.aio
import pytest
from fastapi.routing import APIRoute
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import StatusCode
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from services.gateway.policy import RULES, SCOPES
from services.gateway.rpc.server import add_services
from tests.integration.gateway.in_process import edges

ENOUGH_S = 10
OPEN = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}
OPEN_ROUTES = {
    "POST /token",
    "POST /v1/password",
    "GET /livez",
    "GET /readyz",
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /",
    "HEAD /",
    "GET /page/{file}",
    "HEAD /page/{file}",
}
DOCS = {"/docs", "/docs/oauth2-redirect", "/openapi.json"}
"""In development alone."""
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class Registry:
    """In a server's place: what is registered with it."""

    def __init__(self):
        self.methods = set()

    def add_generic_rpc_handlers(self, handlers):
        for handler in handlers:
            self.methods |= handler._method_handlers.keys()

    def add_registered_method_handlers(self, _service, _handlers):
        """The same once more."""


def registered(gateway):
    registry = Registry()
    add_services(gateway, registry)
    return registry.methods


def official():
    """The methods of TensorFlow Serving's own stubs."""
    names = []
    channel = SimpleNamespace(unary_unary=lambda path, *_, **__: names.append(path))
    PredictionServiceStub(channel)
    ModelServiceStub(channel)
    return set(names)


async def code_of(edge, method, metadata):
    """The status of a call with an empty message, of whatever kind it is."""
    # Not stream_stream: grpc.aio takes a message that comes after the refusal for an INTERNAL error.
    call = edge.rpc.unary_stream(method)(b"", metadata=metadata, timeout=ENOUGH_S)
    if method.endswith("/Watch"):
        await call.read()
        call.cancel()
        return StatusCode.OK
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return StatusCode.OK


async def test_without_a_token_nothing_is_answered_but_health(edge, model_server):
    methods = registered(edge.gateway)
    assert methods >= official() | OPEN | {REFLECTION}
    assert len(methods) == len(official()) + len(OPEN) + 1 + 4  # and ForecastService
    token = edge.metadata[0][1]
    refused = [
        None,
        (),
        (("authorization", "Bearer nonsense"),),
        (("authorization", token[:-2]),),
        (("authorization", token.removeprefix("Bearer ")),),
        (("authorization", token), ("authorization", token)),
    ]
    for method in methods:
        for metadata in refused:
            expected = StatusCode.OK if method in OPEN else StatusCode.UNAUTHENTICATED
            assert await code_of(edge, method, metadata) is expected, (method, metadata)
        if method not in OPEN:
            assert await code_of(edge, method, edge.metadata) is not StatusCode.UNAUTHENTICATED, method
    assert await code_of(edge, "/wattgate.forecast.v1.ForecastService/Other", ()) is StatusCode.UNIMPLEMENTED
    # With a token, an empty request of a model's status names no model: nothing was passed on at all.
    assert model_server.calls == []


@pytest.mark.requirement("FR4")
async def test_every_rpc_needs_its_scope(edge):
    for method in registered(edge.gateway) - OPEN:
        for scope in SCOPES:
            code = await code_of(edge, method, edge.with_scopes(scope))
            assert (code is StatusCode.PERMISSION_DENIED) == (scope != RULES[method].scope), (method, scope)
        assert await code_of(edge, method, edge.with_scopes()) is StatusCode.PERMISSION_DENIED, method


def every(routes):
    """Those of included routers, too."""
    for route in routes:
        yield from every(route.original_router.routes) if hasattr(route, "original_router") else [route]


def routes(edge):
    """Method and path of every HTTPS route: as OpenAPI has them, those of the page, and what is left."""
    app = edge.app
    described = {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    hidden = [route for route in every(app.routes) if not route.include_in_schema]
    guarded = [route for route in hidden if isinstance(route, APIRoute)]
    page = {f"{method} {route.path}" for route in guarded for method in route.methods}
    return described, page, {route.path for route in hidden if route not in guarded}


@pytest.mark.requirement("FR4")
async def test_every_route_needs_its_scope(edge):
    described, page, hidden = routes(edge)
    assert hidden <= DOCS
    assert described | page == {call for call in RULES if not call.startswith("/")}
    for call in described | page:
        method, path = call.split(" ")
        for scope in (None, *SCOPES):
            metadata = edge.with_scopes(scope) if scope else ()
            headers = {"Authorization": metadata[0][1] if metadata else ""}
            status = (
                await edge.https.request(
                    method, path.format(model="gru", username="ada", file="main.js"), headers=headers
                )
            ).status_code
            if call in OPEN_ROUTES:
                assert status not in {401, 403}, (call, scope)
            elif scope is None:
                assert status == 401, call
            else:
                assert (status == 403) == (scope != RULES[call].scope), (call, scope)


async def test_a_route_without_a_rule_is_closed_to_all(edge):
    @edge.app.get("/added-later")
    async def added():
        return "in"

    for scope in SCOPES:
        headers = {"Authorization": edge.with_scopes(scope)[0][1]}
        assert (await edge.https.get("/added-later", headers=headers)).status_code == 403


async def test_what_of_tensorflow_servings_api_is_not_passed_through_is_unimplemented(edge, model_server):
    for method in official():
        served = method.endswith(("/Predict", "/GetModelMetadata", "/GetModelStatus"))
        expected = StatusCode.INVALID_ARGUMENT if served else StatusCode.UNIMPLEMENTED
        assert await code_of(edge, method, edge.with_scopes(*SCOPES)) is expected, method
    assert model_server.calls == []


async def asked(edge, **request):
    stub = ServerReflectionStub(edge.rpc)
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(**request)]), metadata=edge.metadata, timeout=ENOUGH_S
    )
    return await call.read()


async def test_reflection_tells_of_every_service_that_is_registered_and_how_it_is_called(edge):
    answer = await asked(edge, list_services="")
    services = {service.name for service in answer.list_services_response.service}
    assert services == {method.split("/")[1] for method in registered(edge.gateway)}
    told = set()
    for service in services:
        pool = DescriptorPool()

        async def add(name=None, symbol=None, pool=pool):
            found = await asked(
                edge, **({"file_by_filename": name} if name else {"file_containing_symbol": symbol})
            )
            for raw in found.file_descriptor_response.file_descriptor_proto:
                file = FileDescriptorProto.FromString(raw)
                for dependency in file.dependency:
                    await add(dependency)
                pool.Add(file)

        await add(symbol=service)
        methods = pool.FindServiceByName(service).methods
        assert all(method.input_type.full_name and method.output_type.full_name for method in methods)
        told |= {f"/{service}/{method.name}" for method in methods}
    refused = {method for method in registered(edge.gateway) if await is_unimplemented(edge, method)}
    assert told == registered(edge.gateway) - refused


async def is_unimplemented(edge, method):
    return await code_of(edge, method, edge.with_scopes(*SCOPES)) is StatusCode.UNIMPLEMENTED


async def test_in_production_there_is_no_reflection(home, model_server):
    async with edges(home, model_server.address) as edge:
        assert REFLECTION not in registered(edge.gateway)
        for method in (
            REFLECTION,
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.channelz.v1.Channelz/GetServers",
        ):
            code = await code_of(edge, method, edge.with_scopes(*SCOPES))
            assert code is StatusCode.UNIMPLEMENTED, method


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer x"),)])
async def test_reflection_needs_a_token(edge, metadata):
    assert await code_of(edge, REFLECTION, metadata) is StatusCode.UNAUTHENTICATED


OPERATIONS = {
    "POST /token": "issue_token",
    "POST /v1/password": "change_password",
    "GET /.well-known/jwks.json": "get_jwks",
    "GET /.well-known/oauth-authorization-server": "get_oauth_metadata",
    "POST /predict": "predict_by_default",
    "POST /predict/{model}": "predict",
    "POST /v1/models/{model}:forecast": "forecast",
    "POST /v1/models/{model}:backtest": "backtest",
    "POST /v1/timeseries/forecast": "forecast_time_series",
    "GET /v1/models": "list_models",
    "GET /v1/models/{model}": "get_model",
    "GET /v1/users": "list_users",
    "POST /v1/users": "add_user",
    "PATCH /v1/users/{username}": "change_user",
    "POST /v1/users/{username}:end-tokens": "end_tokens",
    "GET /livez": "livez",
    "GET /readyz": "readyz",
}
"""Clients that were generated have functions of these names: another name breaks them."""


async def test_operations_keep_the_names_that_clients_know_them_by(edge):
    paths = edge.app.openapi()["paths"]
    assert {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    } == OPERATIONS


async def test_no_option_is_sent_because_it_is_the_usual_one(edge):
    """Generated clients send defaults, and an option that is given is refused where it does not count."""
    for path, methods in edge.app.openapi()["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                assert "default" not in parameter["schema"], (path, parameter["name"])
