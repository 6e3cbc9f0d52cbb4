"""Which clients are let in: those whose certificate has one of a list of names."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import grpc.aio

from services.core.interceptors import Around

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class OnlyNamed(Around):
    """Refuses every call of other clients, though the same authority signed their certificates."""

    def __init__(self, names: Collection[str]) -> None:
        """Let these names in, as the subject alternative names of certificates have them."""
        self._names = frozenset(name.encode() for name in names)

    @asynccontextmanager
    async def around(self, context: Context, method: str, *, streams: bool) -> AsyncIterator[None]:
        """Ask for the certificate that the handshake verified."""
        shown = context.auth_context().get("x509_subject_alternative_name", ())
        if self._names.isdisjoint(shown):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "The certificate is of none that are let in here"
            )
        yield
