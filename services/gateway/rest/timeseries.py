"""The call that forecasts several series, as KServe's clients make it."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from pipelines.errors import InvalidSeriesError
from services.core.errors import InvalidHistoryError, ServiceError, as_problem
from services.core.telemetry.calls import request_id
from services.gateway.predict import Prediction
from services.gateway.rest import uploads
from services.gateway.rest.options import described, options_of
from services.gateway.rest.problems import problem
from services.gateway.rest.schemas.problems import ViolationOut
from services.gateway.rest.schemas.timeseries import (
    TimeSeriesErrorOut,
    TimeSeriesForecastIn,
    TimeSeriesForecastOut,
    TimeSeriesForecastsOut,
    TimeSeriesOutputOut,
    TimeSeriesProblem,
    TimeSeriesUsageOut,
)
from services.gateway.rest.security import deadline_of, gateway_of
from services.gateway.several import forecast_all


class _Route(APIRoute):
    """Refuses with KServe's error in the problem document: each client finds its own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own way to come between."""
        answer = super().get_route_handler()

        async def answer_or_refuse(request: Request) -> Response:
            try:
                return await answer(request)
            except (ServiceError, InvalidSeriesError) as error:
                return problem(error, error=TimeSeriesErrorOut.of(as_problem(error)).model_dump())

        return answer_or_refuse


class _NoOptions(BaseModel):
    """All is in the body."""

    model_config = ConfigDict(extra="forbid")


router = APIRouter(
    tags=["forecasts"],
    route_class=_Route,
    responses={
        status: {"model": TimeSeriesProblem} for status in (401, 403, 404, 413, 415, 422, 429, 502, 503, 504)
    },
)

_BODY = {
    uploads.JSON: {
        "schema": TimeSeriesForecastIn.model_json_schema(ref_template="#/components/schemas/{model}")
    }
}


@router.post("/v1/timeseries/forecast", openapi_extra=described(_NoOptions, _BODY))
async def forecast_time_series(request: Request) -> TimeSeriesForecastsOut:
    """The next steps of several series, computed together, as KServe's time-series API has it.

    Loads are univariate, have a start and no gaps; anything else that is asked for is refused by its name.
    """
    gateway, deadline = gateway_of(request), deadline_of(request)
    options_of(request, _NoOptions())
    asked = await uploads.read_document(request, gateway.settings.max_upload_bytes, TimeSeriesForecastIn)
    asked.check(gateway.models.served(asked.model).spec)
    histories = await asyncio.to_thread(asked.histories)
    results = await forecast_all(gateway.predictor, gateway.quotas, asked.model, histories, deadline)
    return _answer(
        asked,
        [
            _blaming(place, result) if isinstance(result, InvalidSeriesError) else result
            for place, result in enumerate(results)
        ],
    )


def _blaming(place: int, error: InvalidSeriesError) -> InvalidHistoryError:
    """What is wrong with a history, by the field it came in."""
    field = f"inputs.{place}.series"
    return InvalidHistoryError(
        str(error), tuple(replace(violation, column=field) for violation in error.violations)
    )


def _answer(
    asked: TimeSeriesForecastIn, results: Sequence[Prediction | InvalidHistoryError]
) -> TimeSeriesForecastsOut:
    """Raises the first error where there is nothing else."""
    known = sum(isinstance(result, Prediction) for result in results)
    if not known and isinstance(results[0], InvalidHistoryError):
        raise results[0]
    id_ = request_id() or ""
    sent, forecast = sum(len(given.series) for given in asked.inputs), known * asked.options.horizon
    return TimeSeriesForecastsOut(
        id=id_,
        created_at=int(time.time()),
        status="completed" if known == len(results) else "partial",
        model=asked.model,
        outputs=[_output(f"{id_}.{place}", asked, place, result) for place, result in enumerate(results)],
        usage=TimeSeriesUsageOut(
            prompt_tokens=sent, completion_tokens=forecast, total_tokens=sent + forecast
        ),
    )


def _output(
    id_: str, asked: TimeSeriesForecastIn, place: int, result: Prediction | InvalidHistoryError
) -> TimeSeriesOutputOut:
    if isinstance(result, InvalidHistoryError):
        said = TimeSeriesErrorOut.of(as_problem(result))
        return TimeSeriesOutputOut(
            id=id_, status="error", content=[], error=said, model_version=None, warnings=[]
        )
    return TimeSeriesOutputOut(
        id=id_,
        status="completed",
        content=[TimeSeriesForecastOut.of(asked, asked.inputs[place], result)],
        error=None,
        model_version=result.model.version,
        warnings=[ViolationOut.of(warning) for warning in result.window.warnings],
    )
