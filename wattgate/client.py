"""Clients of a gateway: log in, and forecast a meter file over HTTPS or gRPC."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypedDict, Unpack
from urllib.parse import quote

import grpc
import httpx
from google.protobuf.timestamp_pb2 import Timestamp

from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

TIMEOUT_S = 10.0


class FileOptions(TypedDict, total=False):
    """What a meter file does not say of itself."""

    time_zone: str | None
    """IANA zone of times without an offset; None for the model's own."""
    column: str | None
    """Header of the column of loads; None for the usual ones."""
    unit: Literal["kW", "kWh"]
    """What the values are: mean powers, or the energies of steps."""
    labels: Literal["start", "end"]
    """What of its step a row's time is."""


@dataclass(frozen=True)
class Step:
    """The forecast of one step: mean power between two times, kW."""

    valid_from: datetime
    valid_to: datetime
    kw: float


@dataclass(frozen=True)
class Forecast:
    """A forecast and the model version that made it."""

    model: str
    model_version: int
    data_until: datetime
    """End of the history, where the forecast begins."""
    steps: tuple[Step, ...]


class Forecaster(Protocol):
    """What both clients do."""

    def forecast(self, model: str, csv: bytes, **options: Unpack[FileOptions]) -> Forecast:
        """Forecast the steps that follow a meter file's last row."""
        ...


class HttpsClient:
    """Calls a gateway over HTTPS. Raises httpx.HTTPStatusError with the gateway's problem document."""

    def __init__(self, url: str, *, ca_file: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Name the gateway, e.g. https://localhost:8443, and the authority to trust, else the system's."""
        trust = ssl.create_default_context(cafile=ca_file)
        self._http = httpx.Client(base_url=url, verify=trust, timeout=timeout_s)

    def login(self, username: str, password: str) -> str:
        """Get an access token, and use it from now on."""
        form = {"grant_type": "password", "username": username, "password": password}
        token: str = _checked(self._http.post("/token", data=form)).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    def forecast(self, model: str, csv: bytes, **options: Unpack[FileOptions]) -> Forecast:
        """Forecast the steps that follow a meter file's last row."""
        given = {
            "tz": options.get("time_zone"),
            "column": options.get("column"),
            "unit": options.get("unit"),
            "labels": options.get("labels"),
        }
        answer = _checked(
            self._http.post(
                f"/v1/models/{quote(model, safe='')}:forecast",
                content=csv,
                params={name: value for name, value in given.items() if value is not None},
                headers={"Content-Type": "text/csv"},
            )
        ).json()
        steps = tuple(
            Step(datetime.fromisoformat(s["valid_from"]), datetime.fromisoformat(s["valid_to"]), s["kw"])
            for s in answer["steps"]
        )
        until = datetime.fromisoformat(answer["data_until"])
        return Forecast(answer["model"], answer["model_version"], until, steps)

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
        request = pb.ForecastRequest(model=model, file=file)
        answer = self._stub.Forecast(request, timeout=self._timeout_s)
        steps = tuple(Step(_time(s.valid_from), _time(s.valid_to), s.kw) for s in answer.steps)
        return Forecast(answer.model, answer.model_version, _time(answer.data_until), steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


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


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
