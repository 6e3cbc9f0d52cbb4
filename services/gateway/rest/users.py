"""Users, for admins."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import APIRouter

from services.core.errors import InvalidRequestError, UnknownUserError
from services.core.telemetry.calls import current
from services.gateway.passwords import PasswordRuleError
from services.gateway.policy import ADMIN
from services.gateway.rest.schemas.accounts import UserChangeIn, UserIn, UserOut, UsersOut
from services.gateway.rest.schemas.problems import Problem
from services.gateway.rest.security import TheGateway
from services.gateway.store.accounts import AccountError, AccountNotFoundError
from services.gateway.store.users import SCOPES

log = logging.getLogger("wattgate.audit")

router = APIRouter(
    prefix="/v1/users",
    tags=["users"],
    responses={status: {"model": Problem} for status in (400, 401, 403, 404, 422, 503)},
)


@router.get("")
async def list_users(gateway: TheGateway) -> UsersOut:
    """Everyone."""
    return UsersOut(users=[UserOut.of(user) for user in await gateway.login.users.all()])


@router.post("", status_code=HTTPStatus.CREATED)
async def add_user(new: UserIn, gateway: TheGateway) -> UserOut:
    """Add a user."""
    with _said():
        password_hash = await gateway.login.passwords.hash(new.password.get_secret_value(), new.username)
        scopes = SCOPES | ({ADMIN} if new.admin else set())
        user = await gateway.login.users.add(new.username, password_hash, scopes)
    _told("user added", user.username, admin=new.admin)
    return UserOut.of(user)


@router.patch("/{username}")
async def change_user(username: str, change: UserChangeIn, gateway: TheGateway) -> UserOut:
    """Give a user another password, keep it out, or let it in again."""
    users = gateway.login.users
    with _said():
        password_hash = None
        if change.password is not None:
            password_hash = await gateway.login.passwords.hash(change.password.get_secret_value(), username)
        await users.change(username, password_hash=password_hash, disabled=change.disabled)
        user = await users.by_name(username)
        if user is None:
            raise AccountNotFoundError(f"there is no user {username!r}")
    _told("user changed", username, password=change.password is not None, disabled=change.disabled)
    return UserOut.of(user)


@router.post("/{username}:end-tokens", status_code=HTTPStatus.NO_CONTENT)
async def end_tokens(username: str, gateway: TheGateway) -> None:
    """Refuse all tokens a user was given so far, within a second; it may log in again."""
    with _said():
        await gateway.login.users.end_tokens(username)
    _told("tokens ended", username)


def _told(event: str, username: str, **what: bool | None) -> None:
    call = current()
    log.info(event, extra={"username": username[:64], "by": call.caller if call else "", **what})


@contextmanager
def _said() -> Generator[None, None, None]:
    try:
        yield
    except AccountNotFoundError as error:
        raise UnknownUserError(f"Not done: {error}") from None
    except (AccountError, PasswordRuleError) as error:
        raise InvalidRequestError(f"Not done: {error}") from None
