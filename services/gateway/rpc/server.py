"""The gRPC edge."""

import grpc
import grpc.aio

from services.core.interceptors import Authenticated, Deserialized, ErrorsToStatus
from services.gateway.login import Caller
from services.gateway.rpc.servicer import ForecastServicer
from services.gateway.settings import Settings
from services.gateway.tokens import bearer_token
from services.gateway.wiring import Gateway, StartError
from wattgate.forecast.v1.forecast_service_pb2_grpc import add_ForecastServiceServicer_to_server

_FRAMING_BYTES = 64 * 1024
"""What a message may have beside the file."""


def create_server(gateway: Gateway) -> grpc.aio.Server:
    """The server over a gateway that is open already; bound to its port, not started."""
    settings = gateway.settings

    async def admit(authorization: str | None) -> Caller:
        return await gateway.login.caller(bearer_token(authorization))

    server = grpc.aio.server(
        interceptors=[ErrorsToStatus(), Authenticated(admit), Deserialized()],
        options=[
            ("grpc.max_receive_message_length", settings.max_upload_bytes + _FRAMING_BYTES),
            # A port that is taken is an error, not a second server beside the first.
            ("grpc.so_reuseport", 0),
        ],
    )
    add_ForecastServiceServicer_to_server(ForecastServicer(gateway), server)
    address = f"{settings.bind_address}:{settings.grpc_port}"
    try:
        server.add_secure_port(address, _credentials(settings))
    except RuntimeError as error:
        raise StartError(f"gRPC cannot listen on {address}: is the port taken?") from error
    return server


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    return grpc.ssl_server_credentials([pair])
