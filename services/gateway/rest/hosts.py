"""Whom a request is for: nobody is answered under a name that is not this gateway's."""

import re
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.core.errors import UnknownHostError, as_problem
from services.gateway.rest.problems import MEDIA_TYPE
from services.gateway.tls import Certificates

_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Hosts:
    """The names this gateway goes by: of the machine for itself, in the certificate, and as it was told."""

    def __init__(self, told: Iterable[str], certificates: Certificates) -> None:
        """Any of them may be *.example.org, for all names one below."""
        self._told = frozenset(name.lower() for name in (*_LOCAL, *told))
        self._certificates = certificates

    def know(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request names one host, and this one."""
        given = [value for name, value in headers if name == b"host"]
        if len(given) != 1 or not (host := _HOST.fullmatch(given[0])):
            return False
        name = host[1].decode().lower().strip("[]")
        one_above = "*" + name[name.find(".") :]
        known = self._certificates.pair.names
        return name in self._told or name in known or one_above in self._told or one_above in known


def only_for(hosts: Hosts, app: ASGIApp) -> ASGIApp:
    """The application, for requests that are meant for it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or hosts.know(scope["headers"]):
            await app(scope, receive, send)
            return
        error = UnknownHostError("Name one host, and one that this gateway goes by")
        await JSONResponse(as_problem(error), error.http, media_type=MEDIA_TYPE)(scope, receive, send)

    return answer


def host_of(target: bytes) -> bytes | None:
    """Host and port in a request's target of absolute form, as sent to a proxy; None in any other."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or b"/" in scheme or b"?" in scheme:
        return None
    return re.split(rb"[/?#]", rest, maxsplit=1)[0]
