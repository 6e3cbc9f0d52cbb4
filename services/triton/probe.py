"""`python -m services.triton.probe`: whether the Triton in this container is ready, for its HEALTHCHECK."""

import sys

import grpc

from wattgate.openinference.methods import SERVICE

_READY = f"/{SERVICE}/ServerReady"
_YES = b"\x08\x01"
"""ServerReadyResponse with its one field, true."""


def main() -> None:
    """Ask, and exit with status 0 where it is."""
    target = sys.argv[1] if len(sys.argv) > 1 else "localhost:8001"
    try:
        with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
            answer: bytes = channel.unary_unary(_READY, bytes, bytes)(b"", timeout=3)
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
    sys.exit(0 if answer == _YES else "not ready")


if __name__ == "__main__":
    main()
