"""TLS as Mozilla's "intermediate" profile has it, and the certificate of both ports.

The profile is what every client of ten years speaks, without anything known to be weak. Set here for the
HTTPS port; what gRPC ships with is the same but for one more curve, P-521, and offers no say.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from services.gateway.secret_files import read_secret
from services.gateway.settings import StartError

log = logging.getLogger("wattgate.gateway.tls")

_POLL_S = 5.0

_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""Of TLS 1.2, those that authenticate what they encrypt and stay secret when the key gets out later.
TLS 1.3 has no others."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, fit to serve with."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    ends: datetime
    names: frozenset[str]
    """Hosts and addresses it is for."""
    context: ssl.SSLContext


class Certificates:
    """The certificate of both ports, read anew whenever its files change."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read it; raises StartError, naming the setting to mend, where nobody should be served with it."""
        self._files = (certificate, key)
        self._seen = self._stamps()
        self.pair = _read(certificate, key)

    def context(self) -> ssl.SSLContext:
        """What the HTTPS port negotiates by: shows each connection the certificate of that moment."""
        context = self.pair.context

        def show_newest(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.pair.context

        # Called at the start of every handshake, whether the client names a server or not. Loading the
        # files into the one context would not do: between the two of them it would serve half a pair.
        context.sni_callback = show_newest
        return context

    async def keep_fresh(self) -> None:
        """Look at the files every few seconds, for ever."""
        while True:
            await asyncio.sleep(_POLL_S)
            self.refresh()

    def refresh(self) -> None:
        """Take what is in the files now; where it is no good, say so once and keep what was."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        try:
            pair = _read(*self._files)
        except StartError as error:
            log.error("The certificate is not renewed, the one before stays: %s", error)
            self._seen = stamps
            return
        if self._stamps() == stamps:  # else they are being written: next time
            self._seen, self.pair = stamps, pair
            log.info("New connections get the renewed certificate, valid until %s", pair.ends)

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Differs once a file was written or another was put in its place, by a link too."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(certificate: Path, key: Path) -> Pair:
    context = _profile()
    try:
        chain_pem = certificate.read_bytes()
        # Without a password OpenSSL would ask the terminal for one.
        context.load_cert_chain(certificate, key, password=str)
        own = x509.load_pem_x509_certificates(chain_pem)[0]
        names = _names(own)
    except (OSError, ValueError, x509.DuplicateExtension) as error:  # of TLS too
        raise StartError(
            "GATEWAY_TLS_CERTIFICATE and GATEWAY_TLS_KEY are no certificate and its key: "
            f"{certificate}, {key}: {error}"
        ) from error
    if not own.not_valid_before_utc <= datetime.now(UTC) < own.not_valid_after_utc:
        raise StartError(
            f"GATEWAY_TLS_CERTIFICATE: {certificate} is valid from {own.not_valid_before_utc} "
            f"to {own.not_valid_after_utc}, not now"
        )
    try:
        key_pem = read_secret(key)
    except ValueError as error:
        raise StartError(f"GATEWAY_TLS_KEY: {error}") from error
    return Pair(chain_pem, key_pem, own.not_valid_after_utc, names, context)


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    return frozenset((*(name.lower() for name in hosts), *map(str, addresses)))


def _profile() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    # One curve, which every client has: Python before 3.15 offers no list. By default it would take P-521 and
    # X448 too, which the profile does not.
    context.set_ecdh_curve("prime256v1")
    return context
