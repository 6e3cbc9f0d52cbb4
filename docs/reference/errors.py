"""The table of errors, and the rules that a meter file can break."""

from collections.abc import Iterator

from docs.reference.markdown import described, table
from pipelines.errors import RULES
from services.core.errors import ServiceError


def errors() -> str:
    """Every failure that somebody chose to report."""
    reported = sorted(_below(ServiceError), key=lambda error: (error.http, error.reason))
    return table(["reason", "HTTPS", "gRPC", "what it means", "try again"], map(_row, reported))


def rules() -> str:
    """Every rule of a load history."""
    rows = ([f"`{rule}`", described(rule, says)] for rule, says in RULES.items())
    return table(["rule", "what is wrong"], rows)


def _below(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for error in kind.__subclasses__():
        yield error
        yield from _below(error)


def _row(error: type[ServiceError]) -> list[str]:
    again = f"after {error.retry_after_s} s" if error.retry_after_s else ""
    code = f"`{error.grpc.name}`"
    return [f"`{error.reason}`", str(error.http.value), code, described(error.reason, error.__doc__), again]
