"""The calls that forecast: the thesis' own, and the full one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from services.core.deadline import Deadline
from services.core.errors import InvalidRequestError
from services.gateway.rest import uploads
from services.gateway.rest.schemas import ForecastOptions, ForecastOut, Problem, SeriesIn
from services.gateway.rest.security import LoggedIn, TheDeadline, TheGateway

router = APIRouter(
    tags=["forecasts"],
    responses={status: {"model": Problem} for status in (401, 404, 413, 415, 422, 502, 503, 504)},
)


async def _options(request: Request, options: Annotated[ForecastOptions, Query()]) -> ForecastOptions:
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names):
        raise InvalidRequestError("An option is given twice")
    return options


Options = Annotated[ForecastOptions, Depends(_options)]

_UPLOAD: dict[str, Any] = {
    uploads.MULTIPART: {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
    }
}
_UPLOAD_ONLY = {"requestBody": {"required": True, "content": _UPLOAD}}
_ANY_HISTORY = {
    "requestBody": {
        "required": True,
        "content": {
            **_UPLOAD,
            uploads.CSV: {"schema": {"type": "string"}},
            uploads.JSON: {"schema": SeriesIn.model_json_schema()},
        },
    }
}


@router.post("/predict/{model}", openapi_extra=_UPLOAD_ONLY)
async def predict(
    model: str, request: Request, options: Options, _: LoggedIn, gateway: TheGateway, deadline: TheDeadline
) -> list[float]:
    """The next quarter-hours in kW, from a meter file in the field `file`."""
    return await _predict(model, request, options, gateway, deadline)


@router.post("/predict", openapi_extra=_UPLOAD_ONLY)
async def predict_by_default(
    request: Request, options: Options, _: LoggedIn, gateway: TheGateway, deadline: TheDeadline
) -> list[float]:
    """The same, by the default model."""
    return await _predict(gateway.settings.default_model, request, options, gateway, deadline)


async def _predict(
    model: str, request: Request, options: ForecastOptions, gateway: TheGateway, deadline: Deadline
) -> list[float]:
    gateway.models.state(model)
    file = await uploads.read_upload(request, gateway.settings.max_upload_bytes, options.tz)
    prediction = await gateway.predictor.predict(model, file, deadline)
    return [step.kw for step in prediction.forecast.steps]


@router.post("/v1/models/{model}:forecast", openapi_extra=_ANY_HISTORY)
async def forecast(
    model: str, request: Request, options: Options, _: LoggedIn, gateway: TheGateway, deadline: TheDeadline
) -> ForecastOut:
    """The next quarter-hours with times and intervals, from a meter file, a CSV body or a JSON series."""
    gateway.models.state(model)
    history = await uploads.read_history(request, gateway.settings.max_upload_bytes, options.tz)
    prediction = await gateway.predictor.predict(model, history, deadline)
    return ForecastOut.of(prediction)
