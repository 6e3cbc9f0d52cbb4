"""Tokens, keys and users."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
)

from services.gateway.passwords import MAX_BYTES, MIN_LENGTH
from services.gateway.store.accounts import MAX_NAME
from services.gateway.store.users import User


class TokenOut(BaseModel):
    """A token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a name, not a secret
    expires_in: int = Field(description="Seconds the token is valid from now.")
    scope: str = Field(description="What it is good for, with blanks between.")


class JwksOut(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class MetadataOut(BaseModel):
    """What the token endpoint offers (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str]


class OAuthErrorOut(BaseModel):
    """An error of the token endpoint (RFC 6749, section 5.2), with `detail` beside."""

    error: str
    error_description: str
    detail: str


class UserOut(BaseModel):
    """A user."""

    username: str
    disabled: bool
    scopes: list[str]

    @classmethod
    def of(cls, user: User) -> Self:
        """As admins see it."""
        return cls(username=user.username, disabled=user.disabled, scopes=sorted(user.scopes))


class UsersOut(BaseModel):
    """Everyone who may log in, or might."""

    users: list[UserOut]


NewPassword = Annotated[SecretStr, Field(json_schema_extra={"minLength": MIN_LENGTH, "maxLength": MAX_BYTES})]
"""Checked by passwords.py, which says what is wrong in words of its own."""


class UserIn(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid", strict=True)

    username: str = Field(min_length=1, max_length=MAX_NAME)
    password: NewPassword
    admin: bool = Field(default=False, description="Whether it may change users, too.")


class UserChangeIn(BaseModel):
    """What changes of a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    password: NewPassword | None = Field(default=None, description="Ends the tokens that the old one gave.")
    disabled: bool | None = None
