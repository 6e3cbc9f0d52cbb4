"""TLS of both ports, as Mozilla's "intermediate" profile has it: what every client of ten years speaks, and
nothing that is known to be weak.

This is the HTTPS port's; what gRPC ships with is the same but for one more curve, P-521, and offers no say.
"""

import _ssl
import ctypes
import ssl
from pathlib import Path

from services.gateway.settings import StartError

_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""Of TLS 1.2, those that authenticate what they encrypt and stay secret when the key gets out later.
TLS 1.3 has no others."""

_GROUPS = b"X25519:P-256:P-384"
_SET_GROUPS = 92
"""SSL_CTRL_SET_GROUPS_LIST of OpenSSL's ssl.h."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What the HTTPS port negotiates by. Raises StartError where certificate and key are no pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    _set_groups(context)
    try:
        # Without a password OpenSSL would ask the terminal for one.
        context.load_cert_chain(certificate, key, password=str)
    except (ssl.SSLError, OSError) as error:
        raise StartError(
            f"GATEWAY_TLS_CERTIFICATE and GATEWAY_TLS_KEY are no certificate and its key: "
            f"{certificate}, {key}: {error}"
        ) from error
    return context


def _set_groups(context: ssl.SSLContext) -> None:
    """Agree on keys over the profile's curves alone.

    Python before 3.15 sets a single one: P-256, which every client has. The others are set by the function of
    OpenSSL's that its ssl module is linked to, where it is a library to be asked; they save clients that
    guess X25519 first, which most do, a round trip.
    """
    context.set_ecdh_curve("prime256v1")
    module = getattr(_ssl, "__file__", None)
    control = getattr(ctypes.CDLL(module), "SSL_CTX_ctrl", None) if module else None
    if control:
        control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
        # The context's own pointer is the first thing in Python's object.
        pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
        control(pointer, _SET_GROUPS, 0, _GROUPS)
