"""`python -m services.local.containers FOLDER`: what deploy/compose needs and no repository may have.

It is made on first use and kept after. Secrets are readable by the one user who needs them in a container
alone, so this runs as root, in a container of the gateway's image: the machine
needs nothing installed for it.
"""

import argparse
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from services.local.certificates import ensure_certificates, ensure_token_key, write_secret

GATEWAY, POSTGRESQL, GRAFANA = 10001, 999, 472
"""Users of the images; the latter two as their makers have them."""

_OWNERS = {
    "ca.pem": GATEWAY,
    "tls_certificate.pem": GATEWAY,
    "tls_key.pem": GATEWAY,
    "token_key.pem": GATEWAY,
    "password_pepper": GATEWAY,
    "database_passfile": GATEWAY,
    "database_password": POSTGRESQL,
    "database_admin_password": POSTGRESQL,
    "grafana_password": GRAFANA,
}


def ensure(folder: Path, hosts: Sequence[str] = ()) -> list[str]:
    """Write what is not there; answers the names of that. `hosts` are further names of the gateway.

    A certificate that is not of our own making stays, however old. Raises ValueError for names that no
    certificate can have.
    """
    before = {name: _stamp(folder / name) for name in _OWNERS}
    certificate = folder / "tls_certificate.pem"
    if not certificate.exists() or _is_ours(certificate, folder / "ca.pem"):
        ensure_certificates(folder / "ca.pem", certificate, folder / "tls_key.pem", hosts=hosts)
    ensure_token_key(folder / "token_key.pem")
    for name in ("password_pepper", "database_admin_password", "grafana_password"):
        if not (folder / name).exists():
            write_secret(folder / name, secrets.token_urlsafe(32).encode())
    if not (folder / "database_password").exists():
        password = secrets.token_urlsafe(32)
        write_secret(folder / "database_password", password.encode())
        # PostgreSQL's own way of telling a client a password: host:port:database:user:password.
        write_secret(folder / "database_passfile", f"*:*:*:*:{password}\n".encode())
    return [name for name in _OWNERS if _stamp(folder / name) != before[name]]


def hand_over(folder: Path) -> None:
    """Give each file to the user who reads it. Raises PermissionError where we are not root."""
    for name, owner in _OWNERS.items():
        file = folder / name
        if file.exists():  # of a certificate that is not ours there need be no authority
            os.chown(file, owner, owner)


def _is_ours(certificate: Path, ca: Path) -> bool:
    try:
        issuer = x509.load_pem_x509_certificate(ca.read_bytes())
        x509.load_pem_x509_certificate(certificate.read_bytes()).verify_directly_issued_by(issuer)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return issuer.subject.rfc4514_string() == "CN=Wattgate local authority"


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def main() -> None:
    """Make what is missing, hand it over, and name it."""
    parser = argparse.ArgumentParser(prog="python -m services.local.containers", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--host", action="append", default=[], help="a further name or address of the gateway"
    )
    asked = parser.parse_args()
    made = ensure(asked.folder, asked.host)
    hand_over(asked.folder)
    print(*made, sep="\n")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
