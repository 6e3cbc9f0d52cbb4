"""How a command ends that could not do what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from wattgate.errors import Refused, Unauthorized, Unavailable, Untrusted, WattgateError


class Exit(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LOGIN = 3
    UNREACHABLE = 4


EXIT_CODES = (
    f"Exit codes: {Exit.OK} done; {Exit.FAILED} refused or failed, and why is said; "
    f"{Exit.USAGE} not a command, or an option of it; {Exit.LOGIN} log in, or log in again; "
    f"{Exit.UNREACHABLE} the gateway cannot be reached, is not trusted, or cannot answer now."
)


def code_of(error: Exception) -> Exit:
    """The exit code for an error."""
    if isinstance(error, Unauthorized):
        return Exit.LOGIN
    return Exit.UNREACHABLE if isinstance(error, Unavailable) else Exit.FAILED


def words_of(error: Exception) -> str:
    """An error, and what to do next."""
    if isinstance(error, Unauthorized):
        return f"Not logged in: {error}. Next: wattgate login"
    if isinstance(error, Untrusted):
        return f"Not trusted: {error}. Here: --ca-file, or WATTGATE_CA_FILE"
    if isinstance(error, Unavailable):
        return f"Not answered: {error}. What is wrong: wattgate doctor"
    return f"{'Refused' if isinstance(error, Refused) else 'Failed'}: {error}"


@contextmanager
def told() -> Iterator[None]:
    """End the command with words and an exit code for what fails in the block."""
    try:
        yield
    except (WattgateError, OSError) as error:
        typer.echo(words_of(error), err=True)
        raise typer.Exit(code_of(error)) from None
