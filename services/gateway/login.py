"""Logging in, and letting callers in: the two questions of identity, asked by both edges."""

from dataclasses import dataclass

from services.core.errors import UnauthenticatedError
from services.gateway import passwords
from services.gateway.tokens import Token, Tokens
from services.gateway.users import UserStore


class WrongCredentialsError(Exception):
    """No such user, a disabled one, or another password: which of them is not told."""


@dataclass(frozen=True)
class Caller:
    """Who is asking."""

    user_id: str


@dataclass(frozen=True)
class Login:
    """Answers tokens for passwords, and callers for tokens."""

    users: UserStore
    tokens: Tokens

    async def token(self, username: str, password: str) -> Token:
        """A token for a user's name and password.

        Raises WrongCredentialsError, and PasswordRuleError for a password longer than any can be.
        """
        passwords.check_length(password)
        user = await self.users.by_name(username)
        matches = await passwords.password_matches(password, user.password_hash if user else None)
        if not user or not matches or user.disabled:
            raise WrongCredentialsError
        return self.tokens.issue(user.id)

    async def caller(self, token: str | None) -> Caller:
        """Who a token was issued for.

        Raises UnauthenticatedError for no token, a bad one, or one whose user is gone or disabled.
        """
        if token is None:
            raise UnauthenticatedError(token_given=False)
        user = await self.users.by_id(self.tokens.verify(token))
        if user is None or user.disabled:
            raise UnauthenticatedError(token_given=True)
        return Caller(user.id)
