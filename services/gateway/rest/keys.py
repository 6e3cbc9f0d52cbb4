"""What others need to verify our tokens, and to ask for some."""

from fastapi import APIRouter, Request

from services.gateway.policy import SCOPES
from services.gateway.rest.schemas.accounts import JwksOut, MetadataOut
from services.gateway.rest.security import TheGateway

router = APIRouter(tags=["login"], prefix="/.well-known")


@router.get("/jwks.json")
async def get_jwks(gateway: TheGateway) -> JwksOut:
    """The public keys of access tokens (RFC 7517)."""
    return JwksOut(keys=gateway.login.tokens.keys.public())


@router.get("/oauth-authorization-server")
async def get_oauth_metadata(request: Request, gateway: TheGateway) -> MetadataOut:
    """What tokens are had for, and how (RFC 8414)."""
    here = f"https://{request.url.netloc}"
    return MetadataOut(
        issuer=gateway.settings.token_issuer,
        token_endpoint=f"{here}/token",
        jwks_uri=f"{here}{router.prefix}/jwks.json",
        grant_types_supported=list(gateway.login.grants),
        scopes_supported=list(SCOPES),
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post", "none"],
        response_types_supported=[],
    )
