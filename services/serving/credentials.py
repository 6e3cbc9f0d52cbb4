"""TLS of the gRPC edge, from TensorFlow Serving's SSLConfig file."""

from pathlib import Path

import grpc

from services.serving import config_messages
from services.serving.status import invalid


def read(path: Path, *, must_verify: bool) -> grpc.ServerCredentials:
    """The credentials that the PEM text of an SSLConfig file holds.

    Where it says `client_verify`, clients must have a certificate by its `custom_ca`; `must_verify`: it has
    to say so.

    Raises StatusError: NOT_FOUND for a file that cannot be read, INVALID_ARGUMENT for one that is no
    SSLConfig or lacks the key or certificate. Neither message shows what is in it.
    """
    config = config_messages.read(path, "SSLConfig", secret=True)
    if not config.server_key or not config.server_cert:
        raise invalid(f"{path} must hold server_key and server_cert")
    if must_verify and not config.client_verify:
        raise invalid(f"--allowed_client_names needs client_verify in {path}")
    if config.client_verify and not config.custom_ca:
        raise invalid(f"{path} asks for client_verify without a custom_ca to verify by")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
