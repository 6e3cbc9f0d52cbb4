"""The call that judges a model by a whole history."""

from fastapi import APIRouter, Request

from services.gateway.rest import uploads
from services.gateway.rest.options import described, options_of
from services.gateway.rest.schemas.histories import BacktestOptions
from services.gateway.rest.schemas.models import BacktestOut
from services.gateway.rest.schemas.problems import Problem
from services.gateway.rest.security import deadline_of, gateway_of

router = APIRouter(
    tags=["models"],
    responses={status: {"model": Problem} for status in (401, 403, 404, 413, 415, 422, 429, 502, 503, 504)},
)

_USUAL = BacktestOptions()


@router.post("/v1/models/{model}:backtest", openapi_extra=described(BacktestOptions, uploads.ANY_HISTORY))
async def backtest(model: str, request: Request) -> BacktestOut:
    """Forecast at every step of a history and compare: with what followed, and with naive forecasts.

    Windows with a gap are left out. The stable version answers, whoever asks.
    """
    gateway = gateway_of(request)
    gateway.models.state(model)
    options, settings = options_of(request, _USUAL), gateway.settings
    deadline = deadline_of(request, settings.backtest_timeout_s)
    history = await uploads.read_history(request, settings.max_upload_bytes, options)
    served, report = await gateway.backtester.run(model, history, options.stride, deadline)
    return BacktestOut.of(served, report)
