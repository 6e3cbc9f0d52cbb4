"""The calls that forecast: the thesis' own, and the full one."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from services.core.deadline import Deadline
from services.core.errors import InvalidRequestError
from services.gateway.rest import uploads
from services.gateway.rest.schemas import ForecastOptions, ForecastOut, Problem, SeriesIn
from services.gateway.rest.security import SECONDS, TIMEOUT, deadline_of, gateway_of
from services.gateway.wiring import Gateway

router = APIRouter(
    tags=["forecasts"],
    responses={status: {"model": Problem} for status in (401, 403, 404, 413, 415, 422, 429, 502, 503, 504)},
)


@dataclass(frozen=True)
class Call:
    """A forecast that is asked for."""

    gateway: Gateway
    request: Request
    options: ForecastOptions
    deadline: Deadline


async def _call(request: Request) -> Call:
    """All at once: solving a dependency each took as long as reading the file does."""
    return Call(gateway_of(request), request, _options(request), deadline_of(request))


def _options(request: Request) -> ForecastOptions:
    given = request.query_params.multi_items()
    if not given:
        return _USUAL
    options = dict(given)
    if len(options) < len(given):
        raise InvalidRequestError("An option is given twice")
    try:
        return ForecastOptions.model_validate(options)
    except ValidationError as error:
        raise RequestValidationError(
            [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
        ) from None


_USUAL = ForecastOptions()

TheCall = Annotated[Call, Depends(_call)]

_UPLOAD: dict[str, Any] = {
    uploads.MULTIPART: {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
    }
}


def _described(content: dict[str, Any]) -> dict[str, Any]:
    """What FastAPI cannot see of a forecast, for OpenAPI."""
    options = ForecastOptions.model_json_schema()["properties"]
    return {
        "parameters": [
            *(
                {"name": name, "in": "query", "description": schema["description"], "schema": schema}
                for name, schema in options.items()
            ),
            {
                "name": TIMEOUT,
                "in": "header",
                "description": "How long the caller waits, s; the gateway's own limit stays.",
                "schema": {"type": "string", "pattern": f"^{SECONDS}$"},
            },
        ],
        "requestBody": {"required": True, "content": content},
    }


_UPLOAD_ONLY = _described(_UPLOAD)
_ANY_HISTORY = _described(
    {
        **_UPLOAD,
        uploads.CSV: {"schema": {"type": "string"}},
        uploads.JSON: {"schema": SeriesIn.model_json_schema()},
    }
)


@router.post("/predict/{model}", openapi_extra=_UPLOAD_ONLY)
async def predict(model: str, call: TheCall) -> list[float]:
    """The next quarter-hours in kW, from a meter file in the field `file`."""
    return await _predict(model, call)


@router.post("/predict", openapi_extra=_UPLOAD_ONLY)
async def predict_by_default(call: TheCall) -> list[float]:
    """The same, by the default model."""
    return await _predict(call.gateway.settings.default_model, call)


async def _predict(model: str, call: Call) -> list[float]:
    call.gateway.models.state(model)
    file = await uploads.read_upload(call.request, call.gateway.settings.max_upload_bytes, call.options)
    prediction = await call.gateway.predictor.predict(model, file, call.deadline)
    return [step.kw for step in prediction.forecast.steps]


@router.post("/v1/models/{model}:forecast", openapi_extra=_ANY_HISTORY)
async def forecast(model: str, call: TheCall) -> ForecastOut:
    """The next quarter-hours with times and intervals, from a meter file, a CSV body or a JSON series."""
    call.gateway.models.state(model)
    history = await uploads.read_history(call.request, call.gateway.settings.max_upload_bytes, call.options)
    prediction = await call.gateway.predictor.predict(model, history, call.deadline)
    return ForecastOut.of(prediction)
