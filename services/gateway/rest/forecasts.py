"""The calls that forecast: the thesis' own, and the full one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import APIRouter, Depends, Request, Response

from services.core.deadline import Deadline
from services.core.errors import InvalidRequestError
from services.gateway.rest import uploads
from services.gateway.rest.accept import VARIES, best_of
from services.gateway.rest.options import described, options_of
from services.gateway.rest.schemas.forecasts import ForecastOut
from services.gateway.rest.schemas.histories import ForecastOptions, FullOptions
from services.gateway.rest.schemas.problems import Problem
from services.gateway.rest.security import deadline_of, gateway_of
from services.gateway.rest.tables import AS_CSV, table
from services.gateway.wiring import Gateway

router = APIRouter(
    tags=["forecasts"],
    responses={status: {"model": Problem} for status in (401, 403, 404, 413, 415, 422, 429, 502, 503, 504)},
)


Options = TypeVar("Options", bound=ForecastOptions)


@dataclass(frozen=True)
class Call(Generic[Options]):
    """A forecast that is asked for."""

    gateway: Gateway
    request: Request
    options: Options
    deadline: Deadline


def _call(usual: Options) -> Callable[[Request], Awaitable[Call[Options]]]:
    async def call(request: Request) -> Call[Options]:
        return Call(gateway_of(request), request, options_of(request, usual), deadline_of(request))

    return call


TheCall = Annotated[Call[ForecastOptions], Depends(_call(ForecastOptions()))]
TheFullCall = Annotated[Call[FullOptions], Depends(_call(FullOptions()))]

_UPLOAD_ONLY = described(ForecastOptions, uploads.UPLOAD)
_ANY_HISTORY = described(FullOptions, uploads.ANY_HISTORY)


@router.post("/predict/{model}", openapi_extra=_UPLOAD_ONLY)
async def predict(model: str, call: TheCall) -> list[float]:
    """The next steps in kW, as many as the model forecasts, from a meter file in the field `file`."""
    return await _predict(model, call)


@router.post("/predict", openapi_extra=_UPLOAD_ONLY)
async def predict_by_default(call: TheCall) -> list[float]:
    """The same, by the default model."""
    return await _predict(call.gateway.settings.default_model, call)


async def _predict(model: str, call: Call[ForecastOptions]) -> list[float]:
    call.gateway.models.state(model)
    file = await uploads.read_upload(call.request, call.gateway.settings.max_upload_bytes, call.options)
    prediction = await call.gateway.predictor.predict(model, file, call.deadline)
    return [step.kw for step in prediction.forecast.steps]


@router.post(
    "/v1/models/{model}:forecast",
    response_model=ForecastOut,
    responses={200: {"content": AS_CSV}, 406: {"model": Problem}},
    openapi_extra=_ANY_HISTORY,
)
async def forecast(model: str, call: TheFullCall, response: Response) -> ForecastOut | Response:
    """The next steps with times and intervals, from a meter file, a CSV body or a JSON series.

    Answers JSON, or CSV where `Accept` asks for it.
    """
    call.gateway.models.state(model)
    answered = best_of(call.request, (uploads.JSON, uploads.CSV))
    if answered == uploads.CSV and call.options.history:
        raise InvalidRequestError("history: an answer in CSV has no place for it; ask for application/json")
    history = await uploads.read_history(call.request, call.gateway.settings.max_upload_bytes, call.options)
    prediction = await call.gateway.predictor.predict(model, history, call.deadline)
    if answered == uploads.CSV:
        return table(prediction)
    response.headers.update(VARIES)
    return ForecastOut.of(prediction, history=call.options.history)
