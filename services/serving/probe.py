"""`python -m services.serving.probe`: whether the model server in this container serves, for its HEALTHCHECK.

Exit status 0: it does. Another server than localhost:8500 can be named.
"""

import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

_TIMEOUT_S = 3.0


def main() -> None:
    """Ask, and exit."""
    target = sys.argv[1] if len(sys.argv) > 1 else "localhost:8500"
    try:
        status = ask(target)
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
    sys.exit(0 if status == HealthCheckResponse.SERVING else HealthCheckResponse.ServingStatus.Name(status))


def ask(target: str) -> int:
    """Its health, as gRPC's protocol has it. Raises grpc.RpcError."""
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        status: int = HealthStub(channel).Check(HealthCheckRequest(), timeout=_TIMEOUT_S).status
        return status


if __name__ == "__main__":
    main()
