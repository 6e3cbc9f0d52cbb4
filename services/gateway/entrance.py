"""What every call goes through on either edge: its rule, its caller's token, its caller's quota."""

from dataclasses import dataclass

from services.gateway.login import Login
from services.gateway.policy import OPEN, rule_of
from services.gateway.quotas import Quotas
from services.gateway.tokens import bearer_token


@dataclass(frozen=True)
class Entrance:
    """Lets calls in."""

    login: Login
    quotas: Quotas

    async def admit(self, authorization: str | None, call: str) -> None:
        """Let a call in, by its `Authorization` header or metadata.

        Raises ForbiddenError for a call without a rule or a token without the scope, UnauthenticatedError
        for no good token, OverQuotaError.
        """
        rule = rule_of(call)
        if rule.scope is OPEN:
            return
        caller = await self.login.admit(bearer_token(authorization), rule.scope)
        if rule.quota == "call":
            self.quotas.take(caller.id)
