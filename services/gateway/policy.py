"""Who may call what: one table for both edges. What is not in it, nobody may."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from services.core.errors import ForbiddenError

Scope = Literal["forecast", "models:read", "tensors", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
FORECAST, MODELS_READ, TENSORS, ADMIN = SCOPES

OPEN = None
"""No token is asked for."""


@dataclass(frozen=True)
class Rule:
    """What a call asks of its caller."""

    scope: str | None
    """That its token needs; OPEN: no token is asked for."""
    quota: Literal["call", "content"] | None = None
    """What counts against its caller's quota: the call, or every forecast that its messages ask for."""


_OPEN, _READS, _ADMIN = Rule(OPEN), Rule(MODELS_READ), Rule(ADMIN)
_FORECAST, _STREAM = Rule(FORECAST, "call"), Rule(FORECAST, "content")
_PREDICT, _TENSORS = Rule(TENSORS, "content"), Rule(TENSORS)

_FORECASTS = "/wattgate.forecast.v1.ForecastService"
_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection"

RULES: dict[str, Rule] = {
    "GET /": _OPEN,
    "HEAD /": _OPEN,
    "GET /page/{file}": _OPEN,
    "HEAD /page/{file}": _OPEN,
    "POST /token": _OPEN,
    "POST /v1/password": _OPEN,
    "GET /livez": _OPEN,
    "GET /readyz": _OPEN,
    "GET /.well-known/jwks.json": _OPEN,
    "GET /.well-known/oauth-authorization-server": _OPEN,
    "POST /predict": _FORECAST,
    "POST /predict/{model}": _FORECAST,
    "POST /v1/models/{model}:forecast": _FORECAST,
    "POST /v1/models/{model}:backtest": Rule(FORECAST, "content"),
    "POST /v1/timeseries/forecast": Rule(FORECAST, "content"),
    "GET /v1/models": _READS,
    "GET /v1/models/{model}": _READS,
    "GET /v1/users": _ADMIN,
    "POST /v1/users": _ADMIN,
    "PATCH /v1/users/{username}": _ADMIN,
    "POST /v1/users/{username}:end-tokens": _ADMIN,
    "/grpc.health.v1.Health/Check": _OPEN,
    "/grpc.health.v1.Health/Watch": _OPEN,
    f"{_FORECASTS}/Forecast": _FORECAST,
    f"{_FORECASTS}/ForecastStream": _STREAM,
    f"{_FORECASTS}/ListModels": _READS,
    f"{_FORECASTS}/GetModel": _READS,
    f"{_PREDICTION}/Predict": _PREDICT,
    f"{_PREDICTION}/GetModelMetadata": _TENSORS,
    f"{_PREDICTION}/Classify": _TENSORS,
    f"{_PREDICTION}/Regress": _TENSORS,
    f"{_PREDICTION}/MultiInference": _TENSORS,
    f"{_MODELS}/GetModelStatus": _TENSORS,
    f"{_MODELS}/HandleReloadConfigRequest": _ADMIN,
    f"{_REFLECTION}/ServerReflectionInfo": _READS,
}
"""By method and route of HTTPS or by the path of an RPC."""


_TEMPLATE = re.compile(r"\\{[a-z]+\\}")
_ROUTES = [
    (method, re.compile(_TEMPLATE.sub("[^/:]+", re.escape(path))))
    for method, path in (call.split(" ") for call in RULES if not call.startswith("/"))
]


def methods_of(path: str) -> list[str]:
    """The methods of HTTPS that a path may be called by."""
    return sorted({method for method, route in _ROUTES if route.fullmatch(path)})


def rule_of(call: str) -> Rule:
    """The rule of a call. Raises ForbiddenError for one that has none."""
    try:
        return RULES[call]
    except KeyError:
        raise ForbiddenError("Nobody may call this", scope=None) from None
