"""Clients of a gateway: log in, and forecast a meter file over HTTPS or gRPC."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypedDict, Unpack
from urllib.parse import quote

import grpc
import httpx
from google.protobuf.timestamp_pb2 import Timestamp

from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

TIMEOUT_S = 10.0


class FileOptions(TypedDict, total=False):
    """What a meter file does not say of itself, and what is to be done where it is faulty."""

    time_zone: str | None
    """IANA zone of times without an offset; None for the model's own."""
    column: str | None
    """Header of the column of loads; None for the usual ones."""
    unit: Literal["kW", "kWh"]
    """What the values are: mean powers, or the energies of steps."""
    labels: Literal["start", "end"]
    """What of its step a row's time is."""
    doubled_hour: Literal["order", "first", "second"]
    """Which of the two it is where the clock goes back and the file has the doubled hour once."""
    gaps: Literal["reject", "linear"]
    """Whether a file with missing steps is refused, or they are filled along straight lines."""
    max_gap_steps: int
    """Longest gap that is filled, 1 to 96 steps; with gaps="linear" alone, where 4 is the usual."""
    fallback: Literal["none", "seasonal_naive"]
    """What is answered where the meter is at fault: the load of last week, or else yesterday, if allowed."""


@dataclass(frozen=True)
class Step:
    """The forecast of one step: mean power between two times, kW."""

    valid_from: datetime
    valid_to: datetime
    kw: float


@dataclass(frozen=True)
class Repair:
    """A gap that was filled; from the start of the first missing step to the end of the last."""

    since: datetime
    until: datetime
    steps: int
    method: str
    """linear: along a straight line."""


@dataclass(frozen=True)
class MeterWarning:
    """What looks like a meter at fault."""

    rule: str
    """flat or range."""
    message: str
    row: int | None
    """Data row where it begins, from 1 after the header."""
    line: int | None
    """Line of the file."""
    column: str | None
    """Header of the column, where one is to blame."""


@dataclass(frozen=True)
class Forecast:
    """A forecast and the model version that made it."""

    model: str
    model_version: int
    data_until: datetime
    """End of the history, where the forecast begins."""
    steps: tuple[Step, ...]
    repaired: tuple[Repair, ...]
    warnings: tuple[MeterWarning, ...]
    fallback_reason: str | None
    """Why this is not the model's forecast but the fallback that was allowed; None where it is."""


class Forecaster(Protocol):
    """What both clients do."""

    def forecast(self, model: str, csv: bytes, **options: Unpack[FileOptions]) -> Forecast:
        """Forecast the steps that follow a meter file's last row."""
        ...


class HttpsClient:
    """Calls a gateway over HTTPS. Raises httpx.HTTPStatusError with the gateway's problem document."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Name the gateway, e.g. https://localhost:8443, and the authority to trust, else the system's.

        Without a token `login` gets one.
        """
        trust = ssl.create_default_context(cafile=ca_file)
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._http = httpx.Client(base_url=url, verify=trust, timeout=timeout_s, headers=headers)

    def login(self, username: str, password: str) -> str:
        """Get an access token, and use it from now on."""
        form = {"grant_type": "password", "username": username, "password": password}
        token: str = _checked(self._http.post("/token", data=form)).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    def forecast(self, model: str, csv: bytes, **options: Unpack[FileOptions]) -> Forecast:
        """Forecast the steps that follow a meter file's last row."""
        answer = self._post(model, "forecast", csv, _query(options))
        steps = tuple(
            Step(datetime.fromisoformat(s["valid_from"]), datetime.fromisoformat(s["valid_to"]), s["kw"])
            for s in answer["steps"]
        )
        repaired = tuple(
            Repair(
                datetime.fromisoformat(r["from"]), datetime.fromisoformat(r["until"]), r["steps"], r["method"]
            )
            for r in answer["repaired"]
        )
        return Forecast(
            answer["model"],
            answer["model_version"],
            datetime.fromisoformat(answer["data_until"]),
            steps,
            repaired,
            tuple(MeterWarning(**warning) for warning in answer["warnings"]),
            answer["fallback_reason"],
        )

    def backtest(
        self, model: str, csv: bytes, *, stride: int = 1, **options: Unpack[FileOptions]
    ) -> dict[str, Any]:
        """Judge a model by a whole meter file: the report of `POST /v1/models/{model}:backtest`.

        `stride` is how many steps lie between forecasts. Takes a minute at most; name that as the client's
        timeout for long files. Gaps and meter faults have no policy here: windows with a gap are left out.
        """
        return self._post(model, "backtest", csv, {**_query(options), "stride": str(stride)})

    def _post(self, model: str, verb: str, csv: bytes, query: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = _checked(
            self._http.post(
                f"/v1/models/{quote(model, safe='')}:{verb}",
                content=csv,
                params=query,
                headers={"Content-Type": "text/csv"},
            )
        ).json()
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


class GrpcClient:
    """Calls a gateway over gRPC with a token from its HTTPS edge. Raises grpc.RpcError."""

    def __init__(
        self, target: str, token: str, *, ca_file: Path | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Open a channel, e.g. to localhost:8444; the token goes over TLS only."""
        roots = None if ca_file is None else ca_file.read_bytes()
        credentials = grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(roots), grpc.access_token_call_credentials(token)
        )
        self._channel = grpc.secure_channel(target, credentials)
        self._stub = ForecastServiceStub(self._channel)
        self._timeout_s = timeout_s

    def forecast(self, model: str, csv: bytes, **options: Unpack[FileOptions]) -> Forecast:
        """Forecast the steps that follow a meter file's last row."""
        file = pb.MeterFile(
            csv=csv, time_zone=options.get("time_zone") or "", column=options.get("column") or ""
        )
        file.unit = pb.MeterFile.Unit.Value(f"UNIT_{options.get('unit', 'kW').upper()}")
        file.labels = pb.MeterFile.Labels.Value(f"LABELS_{options.get('labels', 'start').upper()}")
        doubled_hour = options.get("doubled_hour", "order").upper()
        file.doubled_hour = pb.MeterFile.DoubledHour.Value(f"DOUBLED_HOUR_{doubled_hour}")
        request = pb.ForecastRequest(model=model, file=file)
        if "gaps" in options:
            request.gaps.method = pb.GapPolicy.Method.Value(f"METHOD_{options['gaps'].upper()}")
        if "max_gap_steps" in options:
            request.gaps.max_steps = options["max_gap_steps"]
        request.fallback = pb.Fallback.Value(f"FALLBACK_{options.get('fallback', 'none').upper()}")
        answer = self._stub.Forecast(request, timeout=self._timeout_s)
        steps = tuple(Step(_time(s.valid_from), _time(s.valid_to), s.kw) for s in answer.steps)
        warnings = tuple(
            MeterWarning(w.rule, w.message, w.row or None, w.line or None, w.column or None)
            for w in answer.warnings
        )
        return Forecast(
            answer.model,
            answer.model_version,
            _time(answer.data_until),
            steps,
            tuple(_repair(repair) for repair in answer.repaired),
            warnings,
            answer.fallback_reason or None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


def _query(options: FileOptions) -> dict[str, str]:
    """By the names that the HTTPS edge has for them."""
    given = {("tz" if name == "time_zone" else name): value for name, value in options.items()}
    return {name: str(value) for name, value in given.items() if value is not None}


def _checked(response: httpx.Response) -> httpx.Response:
    """The response, or an error that carries the problem's own words."""
    if response.is_error:
        try:
            detail = response.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = response.reason_phrase
        raise httpx.HTTPStatusError(
            f"{response.status_code}: {detail}", request=response.request, response=response
        )
    return response


def _repair(message: pb.Repair) -> Repair:
    method = pb.GapPolicy.Method.Name(message.method).removeprefix("METHOD_").lower()
    since: Timestamp = getattr(message, "from")  # a word of Python's own
    return Repair(_time(since), _time(message.until), message.steps, method)


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
