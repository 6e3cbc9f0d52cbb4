"""Certificates between the services: a private authority, and what gateway and model servers show by it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from services.local.authority import CLIENT, SERVER, Authority, Issued, names_of
from services.local.certificates import write_secret

_AUTHORITY_LIFETIME = timedelta(days=5 * 365)


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
        Raises ValueError where the authority's files cannot be read.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = []
        authority = self._authority()
        if authority is None or _left(authority.certificate) < lifetime:
            authority = Authority.new("Wattgate services", _AUTHORITY_LIFETIME)
            write_secret(self.ca_key, authority.key_pem)
            self.ca.write_bytes(authority.pem)
            written.append(self.ca)

        def renew(file: Path, names: Sequence[str], purpose: ObjectIdentifier) -> Issued | None:
            if _is_good(file, authority, names, lifetime / 3):
                return None
            issued = authority.sign(names, purpose, lifetime)
            file.write_bytes(issued.pem)
            written.append(file)
            return issued

        if issued := renew(self.gateway, [gateway], CLIENT):
            write_secret(self.gateway_key, issued.key_pem)
        if issued := renew(self.model_server, model_servers, SERVER):
            write_secret(self.ssl_config, _ssl_config(issued, authority))
        return written

    def _authority(self) -> Authority | None:
        if not self.ca.exists() or not self.ca_key.exists():
            return None
        return Authority.read(self.ca.read_bytes(), self.ca_key.read_bytes())


def expiry(file: Path) -> datetime:
    """When a certificate ends."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def _is_good(file: Path, authority: Authority, names: Sequence[str], longer_than: timedelta) -> bool:
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    is_ours = authority.has_signed(certificate) and names_of(certificate) == list(names)
    return is_ours and _left(certificate) > longer_than


def _left(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - datetime.now(UTC)


def _ssl_config(issued: Issued, authority: Authority) -> bytes:
    """TensorFlow Serving's SSLConfig in text format, which writes strings as JSON does."""
    fields = {"server_key": issued.key_pem, "server_cert": issued.pem, "custom_ca": authority.pem}
    lines = [f"{name}: {json.dumps(pem.decode())}" for name, pem in fields.items()]
    return "\n".join([*lines, "client_verify: true", ""]).encode()
