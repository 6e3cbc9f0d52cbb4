"""The client library: `Client` and `AsyncClient`, over HTTPS or gRPC, and what they answer."""

from wattgate.client.answers import Forecast, Interval, Model, ModelList, Repair, Step, Token
from wattgate.client.client import AsyncClient, Client
from wattgate.client.options import FileOptions, LoadOptions

__all__ = [
    "AsyncClient",
    "Client",
    "FileOptions",
    "Forecast",
    "Interval",
    "LoadOptions",
    "Model",
    "ModelList",
    "Repair",
    "Step",
    "Token",
]
