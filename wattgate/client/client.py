"""The two clients: one blocks, one is awaited."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from wattgate.client.answers import Forecast, ModelList, Token
from wattgate.client.core import Core, Credentials, finished
from wattgate.client.histories import content
from wattgate.client.options import FileOptions, LoadOptions
from wattgate.client.wires import AsyncWire, BlockingWire, Trust

if TYPE_CHECKING:
    import pandas as pd

TIMEOUT_S = 10.0
BACKTEST_TIMEOUT_S = 120.0
"""More than a gateway gives a backtest."""


def _credentials(username: str | None, password: str | None) -> Credentials | None:
    if (username is None) != (password is None):
        raise ValueError("username and password go together")
    return Credentials(username, password) if username is not None and password is not None else None


class Client:
    """Calls a gateway, and blocks until it answers. Threads may share one.

    Calls that may help are tried again within the time there is: where the gateway cannot be reached, is
    overloaded or starts anew, after a pause as long as it asks for; for at most a call in ten.

    Every method raises `wattgate.errors.WattgateError`: Refused for what the gateway does not take, and
    why, Unauthorized for a wrong password or a token that has run out, Unavailable where there is no answer.
    """

    def __init__(
        self,
        server: str,
        *,
        grpc: str | None = None,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Name the gateway, e.g. https://localhost:8443; nothing is sent before the first call.

        With `grpc`, e.g. localhost:8444, forecasts go over gRPC, all else over HTTPS. With username and
        password it logs in when it has to, and again before its token runs out; a token alone is used as
        long as it lasts. `ca_file` is the PEM of the one authority to trust, by default those of the system.
        A call has `timeout_s` altogether, retries and logins included; the gateway is told.

        Raises ValueError for an address that is not HTTPS or a `ca_file` that is none, OSError.
        """
        self._wire = BlockingWire(Trust(ca_file), grpc)
        self._core = Core(server, self._wire, token, _credentials(username, password), timeout_s)

    def login(self) -> Token:
        """Log in with username and password now, e.g. to use the token elsewhere."""
        return finished(self._core.login())

    def forecast(
        self, load: "pd.DataFrame | pd.Series", model: str | None = None, **options: Unpack[LoadOptions]
    ) -> "pd.DataFrame":
        """Forecast the steps that follow a load: mean powers, kW, by the time at which each step begins.

        Its index is a DatetimeIndex with a time zone or, with `time_zone`, without; a frame of several
        columns needs `column`. NaN and missing rows are gaps, taken only with `gaps` or `fallback`. Without
        a model the gateway's default answers. The token needs the scope models:read beside forecast.

        Answers what Forecast.to_frame does. Raises InvalidLoad, a ValueError, for a frame that is none of
        that; MissingPackage without pandas.
        """
        return finished(self._core.forecast_frame(load, model, options)).to_frame()

    def forecast_file(
        self, file: Path | str | bytes, model: str | None = None, **options: Unpack[FileOptions]
    ) -> Forecast:
        """Forecast the steps that follow the last row of a meter file, CSV: its path, or its content.

        Without a model the gateway's default answers, which takes the scope models:read. Raises OSError, too.
        """
        return finished(self._core.forecast(content(file), model, options))

    def backtest_file(
        self,
        file: Path | str | bytes,
        model: str | None = None,
        *,
        stride: int = 1,
        timeout_s: float = BACKTEST_TIMEOUT_S,
        **options: Unpack[FileOptions],
    ) -> dict[str, Any]:
        """Judge a model by a whole meter file: the report of `POST /v1/models/{model}:backtest`.

        `stride` is how many steps lie between forecasts. There is no policy for gaps: windows that have one
        are left out. Raises OSError, too.
        """
        return finished(self._core.backtest(content(file), model, stride, options, timeout_s))

    def models(self) -> ModelList:
        """What the gateway serves. Takes the scope models:read."""
        return finished(self._core.models())

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """The same as `Client`, awaited; of one event loop, in which any number of tasks may share it."""

    def __init__(
        self,
        server: str,
        *,
        grpc: str | None = None,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """As `Client`."""
        self._wire = AsyncWire(Trust(ca_file), grpc)
        self._core = Core(server, self._wire, token, _credentials(username, password), timeout_s)

    async def login(self) -> Token:
        """As `Client.login`."""
        return await self._core.login()

    async def forecast(
        self, load: "pd.DataFrame | pd.Series", model: str | None = None, **options: Unpack[LoadOptions]
    ) -> "pd.DataFrame":
        """As `Client.forecast`."""
        return (await self._core.forecast_frame(load, model, options)).to_frame()

    async def forecast_file(
        self, file: Path | str | bytes, model: str | None = None, **options: Unpack[FileOptions]
    ) -> Forecast:
        """As `Client.forecast_file`."""
        return await self._core.forecast(content(file), model, options)

    async def backtest_file(
        self,
        file: Path | str | bytes,
        model: str | None = None,
        *,
        stride: int = 1,
        timeout_s: float = BACKTEST_TIMEOUT_S,
        **options: Unpack[FileOptions],
    ) -> dict[str, Any]:
        """As `Client.backtest_file`."""
        return await self._core.backtest(content(file), model, stride, options, timeout_s)

    async def models(self) -> ModelList:
        """As `Client.models`."""
        return await self._core.models()

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
