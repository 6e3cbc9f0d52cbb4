"""A gateway's pass-through, before a model server that records what is forwarded."""

from types import SimpleNamespace

import pytest

from services.core.errors import reported
from services.core.interceptors import Deserialized
from services.gateway.admission import Admission
from services.gateway.models import Models, ModelState, ServedModel
from services.gateway.quotas import Quotas
from services.gateway.rpc import pass_through
from tests.specs import a_spec
from tests.unit.gateway.pass_through.requests import ANSWER, MOST_BYTES

SPEC = a_spec(signatures=("compiled", "serving_default"), batch_sizes=(1, 8, 32))


class Context:
    """A call of a patient caller."""

    def __init__(self, left_s=None):
        self._left_s = left_s

    def time_remaining(self):
        return self._left_s


class ModelServer:
    """Records what is forwarded."""

    def __init__(self):
        self.forwarded = []
        self.answer = ANSWER

    async def forward(self, method, request, *, timeout_s):
        self.forwarded.append((method, request, timeout_s))
        return self.answer


@pytest.fixture
def server():
    return ModelServer()


@pytest.fixture
def gateway(server):
    models = Models(server, ["gru", "cnn"], timeout_s=1)
    models._become(ModelState("gru", ServedModel("gru", 1, "compiled", SPEC), None))
    return SimpleNamespace(
        settings=SimpleNamespace(timeout_s=3.0, max_predict_bytes=MOST_BYTES),
        models=models,
        engine=SimpleNamespace(tfserving=server),
        admission=Admission(2, 2, 1.0),
        quotas=Quotas(10**9),
    )


@pytest.fixture
def call(gateway):
    """Call a method with encoded messages as the edge does; raises what callers are told."""
    handlers = pass_through.handlers(gateway)

    async def ask(method, raw, *, left_s=None):
        details = SimpleNamespace(method=method, invocation_metadata=())

        async def found(_details):
            return next(filter(None, (handler.service(details) for handler in handlers)))

        handler = await Deserialized().intercept_service(found, details)
        try:
            return await handler.unary_unary(raw, Context(left_s))
        except Exception as error:
            raise reported(error) from error

    return ask
