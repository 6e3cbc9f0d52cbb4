"""Certificates and keys for one machine, made on first use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from services.local.authority import SERVER, Authority, is_for, new_key, pem_of

_LIFETIME = timedelta(days=90)
_RENEW_BEFORE = timedelta(days=7)
_NAMES = ("localhost", "127.0.0.1", "::1")


def ensure_certificates(
    ca_file: Path, certificate_file: Path, key_file: Path, *, hosts: Sequence[str] = ()
) -> None:
    """Write an authority's certificate and one for localhost with its key, unless they are there and fresh.

    `hosts` are further names and addresses that it is for. The authority's own key is thrown away: it signs
    once. Raises ValueError for names that no certificate can have.
    """
    files, names = (ca_file, certificate_file, key_file), (*_NAMES, *hosts)
    if all(file.exists() for file in files) and _fresh(certificate_file, names if hosts else ()):
        return
    authority = Authority.new("Wattgate local authority", _LIFETIME)
    issued = authority.sign(names, SERVER, _LIFETIME)
    ca_file.write_bytes(authority.pem)
    certificate_file.write_bytes(issued.pem)
    write_secret(key_file, issued.key_pem)


def ensure_token_key(file: Path) -> None:
    """Write a key that signs tokens, unless there is one."""
    if not file.exists():
        write_secret(file, pem_of(new_key()))


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)


def _fresh(certificate_file: Path, names: Sequence[str]) -> bool:
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    has_names = not names or is_for(certificate, names)
    return has_names and certificate.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
