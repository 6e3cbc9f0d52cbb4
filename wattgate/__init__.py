"""Forecasts of load: the client library, the stubs and the `wattgate` command.

from wattgate import Client

with Client("https://localhost:8443", username="ada", password=password) as client:
    frame = client.forecast(load)  # a pandas Series of mean powers, kW, in steps of the model
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wattgate.client import (
        AsyncClient,
        Client,
        Forecast,
        Interval,
        Model,
        ModelList,
        Repair,
        Step,
        Token,
    )

__all__ = [
    "AsyncClient",
    "Client",
    "Forecast",
    "Interval",
    "Model",
    "ModelList",
    "Repair",
    "Step",
    "Token",
    "__version__",
]


def __getattr__(name: str) -> object:
    """The library, once it is asked for: services import their stubs from here, and need no client."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wattgate import client

    return getattr(client, name)
