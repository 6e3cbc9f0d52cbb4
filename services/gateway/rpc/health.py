"""grpc.health.v1.Health, open to all: for load balancers, which have no token."""

import asyncio
from collections.abc import AsyncIterator

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from services.core.errors import ModelNotFoundError
from services.gateway.rpc.calls import Context
from services.gateway.wiring import Gateway
from wattgate.tfserving.methods import MODEL_SERVICE, PREDICTION_SERVICE

NAME = "grpc.health.v1.Health"

SERVICES = ("", "wattgate.forecast.v1.ForecastService", PREDICTION_SERVICE, MODEL_SERVICE)
"""What can be asked for beside the models: the whole gateway, by several names."""

_SAID = {
    True: HealthCheckResponse.SERVING,
    False: HealthCheckResponse.NOT_SERVING,
    None: HealthCheckResponse.SERVICE_UNKNOWN,
}


class HealthServicer:
    """What /readyz says, and the same of each model by its name.

    The package's own servicer keeps a copy of every state, and forgets all who watch a service when one of
    them leaves.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Tell of a gateway that is open already."""
        self._gateway = gateway

    async def Check(self, request: HealthCheckRequest, _context: Context) -> HealthCheckResponse:
        """Whether to call now."""
        is_serving = self._is_serving(request.service)
        if is_serving is None:
            raise ModelNotFoundError("There is no service and no model of this name")
        return HealthCheckResponse(status=_SAID[is_serving])

    async def Watch(
        self, request: HealthCheckRequest, _context: Context
    ) -> AsyncIterator[HealthCheckResponse]:
        """The same at once whenever it changes, until the gateway stops."""
        models, stopping = self._gateway.models, self._gateway.stopping
        said = None
        while True:
            changed = models.changed
            status = _SAID[self._is_serving(request.service)]
            if status != said:
                yield HealthCheckResponse(status=status)
                said = status
            if stopping.is_set():
                break
            await _any(changed, stopping)
        # Until the port closes; then, whoever still watches would be waited for.
        await asyncio.sleep(self._gateway.settings.shutdown_delay_s)

    def _is_serving(self, service: str) -> bool | None:
        """None where there is nothing of this name."""
        gateway = self._gateway
        if service in SERVICES:
            return gateway.is_ready
        for state in gateway.models.states():
            if state.name == service:
                return state.problem is None and not gateway.stopping.is_set()
        return None


async def _any(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
