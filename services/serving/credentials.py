"""TLS of the gRPC edge, from TensorFlow Serving's SSLConfig file."""

from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format

from services.serving import wire
from services.serving.status import invalid, not_found

# tensorflow_serving/config/ssl_config.proto: PEM text, not paths.
_SSLConfig: Any = wire.message(
    "SSLConfig",
    [
        ("server_key", wire.STRING),
        ("server_cert", wire.STRING),
        ("custom_ca", wire.STRING),
        ("client_verify", wire.BOOL),
    ],
)


def read(path: Path) -> grpc.ServerCredentials:
    """The credentials an SSLConfig file describes; `client_verify` demands a certificate by `custom_ca`.

    Raises StatusError: NOT_FOUND for a file that cannot be read, INVALID_ARGUMENT for one that is no
    SSLConfig or lacks the key or certificate. Neither message shows what is in it.
    """
    config = _SSLConfig()
    try:
        text_format.Parse(path.read_bytes(), config)
    except OSError as error:
        raise not_found(f"{path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError):
        raise invalid(f"Invalid protobuf file: '{path}'") from None  # the parser quotes the line, the key
    if not config.server_key or not config.server_cert:
        raise invalid(f"{path} must hold server_key and server_cert")
    if config.client_verify and not config.custom_ca:
        raise invalid(f"{path} asks for client_verify without a custom_ca to verify by")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
