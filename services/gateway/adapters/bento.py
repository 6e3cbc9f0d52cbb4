"""A BentoML service as the gateway's model server: loads in and out, over HTTP; it makes the features itself.

So the thesis designed it (section 4.7): the edge looks after callers, BentoML after the data. What it has to
answer is in services/bento/service.py.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import ForecastSpec
from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError, ServiceError
from services.core.telemetry import traces
from services.gateway.adapters.targets import MAX_ANSWER_BYTES
from services.gateway.metrics import RETRIES, called
from services.gateway.models import ServedModel, VersionGoneError
from services.gateway.secret_files import read_secret

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
"""A connection that was kept may be closed just as it is used."""

_BROKEN = (httpx.TransportError, OSError)
"""Some of TLS' errors come as they are."""

_MOST_SHOWN = 300
"""Bytes of its words that our log shows."""

_CONNECTIONS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=60)
_PATIENCE = httpx.Timeout(None, connect=1.0)
"""To connect, s: what is cancelled in a handshake stays open. The rest is the caller's deadline."""
_UNAVAILABLE = {
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class Bento:
    """One service at one URL; several stand behind a load balancer of theirs."""

    def __init__(self, url: str, trust: ssl.SSLContext | bool) -> None:
        """Open no connection yet; those opened are kept."""
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=url, verify=trust, limits=_CONNECTIONS, timeout=_PATIENCE, trust_env=False
        )

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """Those that it has."""
        found = await self._call("versions", {"model": model}, timeout_s)
        if not isinstance(found, list) or not all(type(version) is int for version in found):
            raise ModelFailedError("The model server's versions are not numbers")
        if not found:
            raise ModelUnavailableError("The model server has no version of the model available")
        return sorted(found, reverse=True)

    async def labels(self, model: str, *, timeout_s: float) -> dict[str, int]:
        """None: it knows versions alone."""
        return {}

    async def spec(self, model: str, version: int, *, timeout_s: float) -> ForecastSpec:
        """As it read it from the model."""
        found = await self._call("spec", {"model": model, "version": version}, timeout_s)
        return ForecastSpec.model_validate(found)

    async def forecast_kw(
        self, model: ServedModel, windows: Sequence[LoadSeries], *, timeout_s: float
    ) -> NDArray[np.float64]:
        """Every window as its start and its loads."""
        asked = {
            "model": model.name,
            "version": model.version,
            "signature": model.signature,
            "windows": [{"start_s": int(one.times_s[0]), "kw": one.kw.tolist()} for one in windows],
        }
        answer = await self._call("forecast", asked, timeout_s)
        try:
            loads_kw = np.array(answer, np.float64)
        except (TypeError, ValueError, OverflowError):
            loads_kw = np.empty(0)
        if loads_kw.shape != (len(windows), model.spec.horizon):
            raise ModelFailedError("The model server answered something that is not a forecast")
        return loads_kw

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _call(self, method: str, asked: dict[str, Any], timeout_s: float) -> Any:
        """What one of its methods answers. Raises a ServiceError."""
        body = to_json(asked)
        try:
            async with asyncio.timeout(timeout_s):
                for attempt in range(1, MAX_ATTEMPTS + 1):
                    try:
                        return await self._attempt(method, body)
                    except _BROKEN:
                        if attempt == MAX_ATTEMPTS:
                            raise
                        RETRIES.labels(self._url).inc()
        except TimeoutError:
            raise DeadlineError(f"The model server did not answer within {timeout_s:.1f} s") from None
        except _BROKEN as error:
            said = ModelUnavailableError("The model server does not answer; try again in a moment")
            said.add_note(repr(error))
            raise said from error

    async def _attempt(self, method: str, body: bytes) -> Any:
        began_s, code = time.monotonic(), "CANCELLED"
        # Packed it could unpack to any size.
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **dict(traces.outgoing()),
        }
        try:
            with traces.hop(method, self._url, system="http"):
                async with self._http.stream("POST", f"/{method}", content=body, headers=headers) as response:
                    answer = await _read(response)
            code = str(response.status_code)
        except _BROKEN:
            code = "UNAVAILABLE"
            raise
        finally:
            called(self._url, method, code, time.monotonic() - began_s)
        if response.is_success:
            try:
                return from_json(answer)
            except ValueError as error:
                raise ModelFailedError("The model server's answer cannot be read") from error
        raise _ours(response.status_code, answer)


async def _read(response: httpx.Response) -> bytes:
    answer = bytearray()
    async for part in response.aiter_raw():
        answer += part
        if len(answer) > MAX_ANSWER_BYTES:
            raise ModelFailedError("The model server's answer is longer than any forecast")
    return bytes(answer)


def _ours(status: int, answer: bytes) -> ServiceError:
    """What the caller is told of a status; the service's own words are a note for our log."""
    said: ServiceError
    if status == HTTPStatus.NOT_FOUND:
        said = VersionGoneError("The model server does not have this version of the model")
    elif status in _UNAVAILABLE:
        said = ModelUnavailableError("The model server does not answer; try again in a moment")
    else:
        said = ModelFailedError("The model server refused the request")
        log.warning("model server: %d: %r", status, answer[:_MOST_SHOWN])
    said.add_note(f"{status}: {answer[:_MOST_SHOWN]!r}")
    return said


def trusted(ca_file: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | bool:
    """TLS that trusts one authority alone, with a certificate of our own where the service asks for one.

    Raises OSError and ValueError for files that cannot be read, or a key that everybody may read.
    """
    if ca_file is None:
        return True
    trust = ssl.create_default_context(cafile=ca_file)
    if certificate and key:
        read_secret(key)
        trust.load_cert_chain(certificate, key)
    return trust
