"""What every HTTPS answer says beside its content, for callers that are browsers or stand before them."""

from collections.abc import Iterable

ALWAYS = (
    # Come over TLS only, for a year.
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    # Take content for what it says it is.
    ("x-content-type-options", "nosniff"),
    # Tell nobody where you were.
    ("referrer-policy", "no-referrer"),
)
_UNLESS_SAID = (
    # Forecasts and tokens are for their caller alone.
    (b"cache-control", b"no-store"),
    # Nothing here is a page that loads or is shown inside anything.
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
)
AS_TEXT = "".join(
    f"{name}: {value}\r\n"
    for name, value in (*ALWAYS, *((name.decode(), value.decode()) for name, value in _UNLESS_SAID))
)
"""All of them, for answers written by hand."""


def unsaid(said: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Those an answer is still to say; ALWAYS is the server's to add."""
    names = {name for name, _ in said}
    return [header for header in _UNLESS_SAID if header[0] not in names]
