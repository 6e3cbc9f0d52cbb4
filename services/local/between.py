"""Certificates between the services: a private authority, and what gateway and model servers show by it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.local.authority import CLIENT, SERVER, Authority, Issued, is_for
from services.local.certificates import write_secret

_AUTHORITY_LIFETIME = timedelta(days=5 * 365)

_KEY = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----", re.DOTALL)


class AuthorityError(Exception):
    """There is no authority to sign with; the message says what to do."""


@dataclass(frozen=True)
class Between:
    """The files of a folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Certificate of the authority: GATEWAY_MODEL_SERVER_CA."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Its key, which no service needs."""
        return self.folder / "ca.key"

    @property
    def gateway(self) -> Path:
        """What gateways show: GATEWAY_MODEL_SERVER_CERTIFICATE."""
        return self.folder / "gateway.pem"

    @property
    def gateway_key(self) -> Path:
        """Its key: GATEWAY_MODEL_SERVER_KEY."""
        return self.folder / "gateway.key"

    @property
    def model_server(self) -> Path:
        """What model servers show."""
        return self.folder / "model-server.pem"

    @property
    def ssl_config(self) -> Path:
        """All that a model server needs, its key included: --ssl_config_file, embedded or stock."""
        return self.folder / "model-server.ssl.config"

    def ensure(self, gateway: str, model_servers: Sequence[str], lifetime: timedelta) -> list[Path]:
        """Write what is not there, has other names, or has less than a third of its life left; answers that.

        `gateway` is the name that model servers let in, `model_servers` are hosts and addresses.
        Raises AuthorityError, and ValueError for names that no certificate can have.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = []
        authority = self._authority()
        if authority is None or _left(authority.certificate) < lifetime:
            # Whoever was restarted already and who was not go on trusting each other.
            before = self.ca.read_bytes() if authority else b""
            authority = Authority.new("Wattgate services", _AUTHORITY_LIFETIME)
            write_secret(self.ca_key, authority.key_pem)
            self.ca.write_bytes(authority.pem + before)
            written.append(self.ca)
        trusted = self.ca.read_bytes()
        # Keys first: a certificate that is there has its key.
        for file, names, purpose, secret, content in (
            (self.gateway, [gateway], CLIENT, self.gateway_key, _key),
            (self.model_server, model_servers, SERVER, self.ssl_config, partial(_ssl_config, trusted)),
        ):
            if not _is_good(file, secret, authority, names, lifetime / 3):
                issued = authority.sign(names, purpose, lifetime)
                write_secret(secret, content(issued))
                file.write_bytes(issued.pem)
                written.append(file)
        return written

    def _authority(self) -> Authority | None:
        there = [file.exists() for file in (self.ca, self.ca_key)]
        if not any(there):
            return None
        if not all(there):
            raise AuthorityError(
                f"of {self.ca} and {self.ca_key} one is missing: bring it back, or move the other away to "
                "make another authority, which everybody has to be told of"
            )
        try:
            return Authority.read(self.ca.read_bytes(), self.ca_key.read_bytes())
        except (ValueError, TypeError) as error:
            raise AuthorityError(f"{self.ca} and {self.ca_key} are no authority: {error}") from error


def expiry(file: Path) -> datetime:
    """When a certificate ends."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def _is_good(
    file: Path, secret: Path, authority: Authority, names: Sequence[str], longer_than: timedelta
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        # Of a model server it is in a file with more, in JSON's way of writing lines.
        key = load_pem_private_key(_KEY.findall(secret.read_bytes().replace(b"\\n", b"\n"))[0], None)
        return (
            authority.has_signed(certificate)
            and is_for(certificate, names)
            and key.public_key() == certificate.public_key()
            and _left(certificate) > longer_than
        )
    except (OSError, ValueError, IndexError):
        return False


def _left(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - datetime.now(UTC)


def _key(issued: Issued) -> bytes:
    return issued.key_pem


def _ssl_config(trusted: bytes, issued: Issued) -> bytes:
    """TensorFlow Serving's SSLConfig in text format, which writes strings as JSON does."""
    fields = {"server_key": issued.key_pem, "server_cert": issued.pem, "custom_ca": trusted}
    lines = [f"{name}: {json.dumps(pem.decode())}" for name, pem in fields.items()]
    return "\n".join([*lines, "client_verify: true", ""]).encode()
