"""Authorities and what they sign, for tests of who trusts whom."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def authority(cls, name: str) -> Self:
        return cls._made(name, (), None, is_authority=True)

    @classmethod
    def by_itself(cls, names: tuple[str, ...] = LOCAL) -> Self:
        return cls._made(names[0], names, None)

    def sign(self, names: tuple[str, ...] = LOCAL, *, has_expired: bool = False) -> "Signed":
        """A certificate for names and addresses."""
        return self._made(names[0], names, self, has_expired=has_expired)

    @classmethod
    def _made(
        cls,
        name: str,
        names: tuple[str, ...],
        issuer: "Signed | None",
        *,
        is_authority: bool = False,
        has_expired: bool = False,
    ) -> Self:
        private = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        ends = now + timedelta(days=-1 if has_expired else 1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(each) for each in names]), critical=False
            )
        return cls(builder.sign(issuer.private if issuer else private, hashes.SHA256()), private)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
