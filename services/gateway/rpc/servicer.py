"""The gRPC edge's translation: messages to use case and back. It decides nothing."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from pipelines.errors import Violation
from pipelines.preprocessing.gaps import MOST_FILLED, Repair
from pipelines.preprocessing.meter_file import AS_USUAL, Declared
from pipelines.preprocessing.window import STRICT, Tolerance
from pipelines.spec import Observed, TrainingRecord
from services.core.errors import InvalidRequestError, ServiceError, TooLargeError, as_status
from services.core.telemetry.calls import caller
from services.gateway.fleet import Fleet, Meter
from services.gateway.models import ModelState
from services.gateway.predict import EvenSeries, History, MeterFile, Prediction
from services.gateway.rpc.calls import Context, deadline_of
from services.gateway.wiring import Gateway
from wattgate import __version__
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceServicer

_MAX_ID_BYTES = 128
_MAX_COLUMN = 64
_UNITS: Mapping[int, Literal["kW", "kWh"]] = {0: "kW", 1: "kW", 2: "kWh"}
_LABELS: Mapping[int, Literal["start", "end"]] = {0: "start", 1: "start", 2: "end"}
_FILLS = {0: False, 1: False, 2: True}
"""By GapPolicy.Method."""
_FALLS_BACK = {0: False, 1: False, 2: True}
"""By Fallback."""


_DOUBLED: Mapping[int, Literal["order", "first", "second"]] = {
    0: "order",
    1: "order",
    2: "first",
    3: "second",
}


class ForecastServicer(ForecastServiceServicer):
    """wattgate.forecast.v1.ForecastService."""

    def __init__(self, gateway: Gateway) -> None:
        """Answer by a gateway that is open already."""
        self._gateway = gateway

    async def Forecast(self, request: pb.ForecastRequest, context: Context) -> pb.ForecastResponse:
        """Forecast the steps that follow a history; the caller's deadline wins where it is shorter."""
        history = _history(request, self._gateway.settings.max_upload_bytes)
        deadline = deadline_of(context, self._gateway.settings.timeout_s)
        prediction = await self._gateway.predictor.predict(request.model, history, deadline)
        response = _response(prediction)
        if request.with_history:
            response.history.CopyFrom(_series(prediction))
        return response

    async def ForecastStream(
        self, requests: AsyncIterator[pb.ForecastStreamRequest], _context: Context
    ) -> AsyncIterator[pb.ForecastStreamResponse]:
        """Forecast many histories, each answered as soon as it is ready."""
        settings = self._gateway.settings
        quotas = self._gateway.quotas
        fleet = Fleet(self._gateway.predictor, partial(quotas.turn, caller()), timeout_s=settings.timeout_s)
        with quotas.stream(caller()):
            async for outcome in fleet.forecast(_meters(requests, settings.max_upload_bytes)):
                response = pb.ForecastStreamResponse(id=outcome.id)
                if isinstance(outcome.result, Prediction):
                    response.forecast.CopyFrom(_response(outcome.result))
                else:
                    response.error.CopyFrom(as_status(outcome.result))
                yield response

    async def ListModels(self, _request: pb.ListModelsRequest, _context: Context) -> pb.ListModelsResponse:
        """Every model."""
        return pb.ListModelsResponse(
            models=[_model(state) for state in self._gateway.models.states()],
            default_model=self._gateway.settings.default_model,
            gateway_version=__version__,
        )

    async def GetModel(self, request: pb.GetModelRequest, _context: Context) -> pb.GetModelResponse:
        """One model."""
        return pb.GetModelResponse(model=_model(self._gateway.models.state(request.name)))


async def _meters(requests: AsyncIterator[pb.ForecastStreamRequest], limit: int) -> AsyncIterator[Meter]:
    async for request in requests:
        history: History | ServiceError
        try:
            if len(request.id.encode()) > _MAX_ID_BYTES:
                raise InvalidRequestError(f"id is over the limit of {_MAX_ID_BYTES} bytes")
            if request.request.with_history:
                raise InvalidRequestError("with_history: of Forecast alone, not of a stream")
            history = _history(request.request, limit)
        except ServiceError as error:
            history = error
        yield Meter(request.id, request.request.model, history)


def _history(request: pb.ForecastRequest, limit: int) -> History:
    tolerance = _tolerance(request)
    match request.WhichOneof("history"):
        case "file":
            if len(request.file.csv) > limit:
                raise TooLargeError(f"The file is over the limit of {limit:,} bytes")
            zone = request.file.time_zone or None
            return MeterFile(request.file.csv, zone, _declared(request.file), tolerance)
        case "series":
            if not request.series.HasField("start"):
                raise InvalidRequestError("series.start is missing")
            kw = np.array(request.series.kw[:], dtype=np.float64)
            return EvenSeries(_time(request.series.start), kw, tolerance)
        case _:
            raise InvalidRequestError("history is missing: send a series or a file")


def _tolerance(request: pb.ForecastRequest) -> Tolerance:
    if not (request.fallback or request.HasField("gaps")):
        return STRICT
    gaps = request.gaps
    if gaps.method not in _FILLS or request.fallback not in _FALLS_BACK:
        raise InvalidRequestError("gaps.method or fallback is none that this gateway knows")
    if gaps.HasField("max_steps") and not _FILLS[gaps.method]:
        raise InvalidRequestError("gaps.max_steps counts with METHOD_LINEAR alone")
    steps = gaps.max_steps if gaps.HasField("max_steps") else None
    if steps is not None and not 1 <= steps <= MOST_FILLED:
        raise InvalidRequestError(f"gaps.max_steps is not one of 1 to {MOST_FILLED}")
    return Tolerance(steps if _FILLS[gaps.method] else 0, _FALLS_BACK[request.fallback])


def _declared(file: pb.MeterFile) -> Declared:
    if not (file.column or file.unit or file.labels or file.doubled_hour):
        return AS_USUAL
    if len(file.column) > _MAX_COLUMN:
        raise InvalidRequestError(f"file.column is over the limit of {_MAX_COLUMN} characters")
    if file.unit not in _UNITS or file.labels not in _LABELS or file.doubled_hour not in _DOUBLED:
        raise InvalidRequestError(
            "file.unit, file.labels or file.doubled_hour is none that this gateway knows"
        )
    return Declared(file.column or None, _UNITS[file.unit], _LABELS[file.labels], _DOUBLED[file.doubled_hour])


def _time(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequestError("series.start is not a time of the years 1 to 9999") from None


@lru_cache(maxsize=256)
def _stamp(time: datetime) -> Timestamp:
    """Only to be copied from: a fleet's answers share their times."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def _response(prediction: Prediction) -> pb.ForecastResponse:
    forecast, window = prediction.forecast, prediction.window
    return pb.ForecastResponse(
        model=prediction.model.name,
        model_version=prediction.model.version,
        data_from=_stamp(forecast.data_from),
        data_until=_stamp(forecast.data_until),
        unit=prediction.model.spec.unit,
        steps=[
            pb.ForecastStep(
                valid_from=_stamp(step.valid_from),
                valid_to=_stamp(step.valid_to),
                kw=step.kw,
                intervals=[
                    pb.PredictionInterval(level=i.level, lower_kw=i.lower_kw, upper_kw=i.upper_kw)
                    for i in step.intervals
                ],
            )
            for step in forecast.steps
        ],
        repaired=[_repair(repair) for repair in window.repaired],
        warnings=[_warning(warning) for warning in window.warnings],
        fallback_reason=prediction.fallback_reason or "",
        time_zone=prediction.model.spec.time_zone,
    )


def _series(prediction: Prediction) -> pb.LoadSeries:
    return pb.LoadSeries(start=_stamp(prediction.forecast.data_from), kw=prediction.window.load.kw.tolist())


def _repair(repair: Repair) -> pb.Repair:
    message = pb.Repair(until=_stamp(repair.until), steps=repair.steps, method=pb.GapPolicy.METHOD_LINEAR)
    getattr(message, "from").CopyFrom(_stamp(repair.since))  # a word of Python's own
    return message


def _warning(violation: Violation) -> pb.Warning:
    return pb.Warning(
        rule=violation.rule,
        message=violation.message,
        row=violation.row or 0,
        line=violation.line or 0,
        column=violation.column or "",
    )


def _observed(observed: Observed | None) -> pb.Observed | None:
    return pb.Observed(**observed.model_dump()) if observed else None


def _training(record: TrainingRecord) -> pb.TrainingRecord:
    return pb.TrainingRecord(
        data_sha256=record.data_sha256,
        data_from=_stamp(record.data_from),
        data_until=_stamp(record.data_until),
        mae_kw=record.mae_kw,
        rmse_kw=record.rmse_kw,
        naive_mae_kw=record.naive_mae_kw,
        observed=_observed(record.observed),
    )


def _model(state: ModelState) -> pb.Model:
    answer = pb.Model(
        name=state.name,
        state=pb.Model.STATE_UNAVAILABLE if state.problem else pb.Model.STATE_AVAILABLE,
        reason=state.problem or "",
    )
    if state.canary is not None:
        trial = state.canary.trial
        answer.canary.CopyFrom(
            pb.Canary(
                version=trial.version,
                share=trial.terms.share,
                state=pb.Canary.STATE_GIVEN_UP if trial.problem else pb.Canary.STATE_ON_TRIAL,
                reason=trial.problem or "",
            )
        )
    if state.model is not None:
        spec = state.model.spec
        answer.version = state.model.version
        answer.signature = state.model.signature
        answer.window, answer.horizon, answer.resolution_s = spec.window, spec.horizon, spec.resolution_s
        answer.time_zone, answer.unit = spec.time_zone, spec.unit
        answer.features.extend(pb.Feature(name=f.name, mean=f.mean, std=f.std) for f in spec.features)
        if spec.training:
            answer.training.CopyFrom(_training(spec.training))
    return answer
