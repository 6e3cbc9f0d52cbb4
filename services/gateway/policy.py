"""Who may call what: one table for both edges. What is not in it, nobody may."""

import re

from services.core.errors import ForbiddenError

FORECAST, MODELS_READ, TENSORS, ADMIN = "forecast", "models:read", "tensors", "admin"
SCOPES = (FORECAST, MODELS_READ, TENSORS, ADMIN)

OPEN = None
"""No token is asked for."""

_FORECASTS = "/wattgate.forecast.v1.ForecastService"
_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection"

RULES: dict[str, str | None] = {
    "POST /token": OPEN,
    "GET /livez": OPEN,
    "GET /readyz": OPEN,
    "GET /.well-known/jwks.json": OPEN,
    "GET /.well-known/oauth-authorization-server": OPEN,
    "POST /predict": FORECAST,
    "POST /predict/{model}": FORECAST,
    "POST /v1/models/{model}:forecast": FORECAST,
    "GET /v1/models": MODELS_READ,
    "GET /v1/models/{model}": MODELS_READ,
    "GET /v1/users": ADMIN,
    "POST /v1/users": ADMIN,
    "PATCH /v1/users/{username}": ADMIN,
    "POST /v1/users/{username}:end-tokens": ADMIN,
    "/grpc.health.v1.Health/Check": OPEN,
    "/grpc.health.v1.Health/Watch": OPEN,
    f"{_FORECASTS}/Forecast": FORECAST,
    f"{_FORECASTS}/ForecastStream": FORECAST,
    f"{_FORECASTS}/ListModels": MODELS_READ,
    f"{_FORECASTS}/GetModel": MODELS_READ,
    f"{_PREDICTION}/Predict": TENSORS,
    f"{_PREDICTION}/GetModelMetadata": TENSORS,
    f"{_PREDICTION}/Classify": TENSORS,
    f"{_PREDICTION}/Regress": TENSORS,
    f"{_PREDICTION}/MultiInference": TENSORS,
    f"{_MODELS}/GetModelStatus": TENSORS,
    f"{_MODELS}/HandleReloadConfigRequest": ADMIN,
    f"{_REFLECTION}/ServerReflectionInfo": MODELS_READ,
}
"""The scope a token needs, by method and route of HTTPS or by the path of an RPC."""


_TEMPLATE = re.compile(r"\\{[a-z]+\\}")
_ROUTES = [
    (method, re.compile(_TEMPLATE.sub("[^/:]+", re.escape(path))))
    for method, path in (call.split(" ") for call in RULES if not call.startswith("/"))
]


def methods_of(path: str) -> list[str]:
    """The methods of HTTPS that a path may be called by."""
    return sorted({method for method, route in _ROUTES if route.fullmatch(path)})


def scope_of(call: str) -> str | None:
    """The scope that a call needs, or OPEN. Raises ForbiddenError for one that has no rule."""
    try:
        return RULES[call]
    except KeyError:
        raise ForbiddenError("Nobody may call this", scope=None) from None
