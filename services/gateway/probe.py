"""`python -m services.gateway.probe`: whether the gateway in this container is ready, for its HEALTHCHECK.

Exit status 0: it is. The two variables it needs it reads by itself: all of Settings would take longer than
the call.
"""

import os
import socket
import ssl
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from cryptography import x509

_TIMEOUT_S = 3.0


def main() -> None:
    """Ask, and exit."""
    certificate = Path(os.environ["GATEWAY_TLS_CERTIFICATE"])
    try:
        status = ask(certificate, int(os.environ.get("GATEWAY_HTTPS_PORT", "8443")))
    except (OSError, HTTPException, ValueError, x509.ExtensionNotFound) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.exit(0 if status == HTTPStatus.OK else f"/readyz answers {status}")


def ask(certificate: Path, port: int) -> int:
    """What /readyz answers on this machine. Raises OSError and HTTPException, and ValueError or
    x509.ExtensionNotFound for what is no certificate of a host."""
    # This certificate is trusted and no other, whoever signed it.
    trust = ssl.create_default_context(cafile=certificate)
    trust.verify_flags = ssl.VERIFY_X509_PARTIAL_CHAIN
    name = _name(x509.load_pem_x509_certificates(certificate.read_bytes())[0])
    with (
        socket.create_connection(("localhost", port), _TIMEOUT_S) as connected,
        trust.wrap_socket(connected, server_hostname=name) as secured,
    ):
        connection = HTTPConnection(name)
        connection.sock = secured
        connection.request("GET", "/readyz")
        return connection.getresponse().status


def _name(certificate: x509.Certificate) -> str:
    """One that it is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = names.get_values_for_type(x509.DNSName)
    return hosts[0].replace("*", "probe") if hosts else str(names.get_values_for_type(x509.IPAddress)[0])


if __name__ == "__main__":
    main()
