"""What OpenAPI says of tokens and scopes: read off policy.py, not off the routes."""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI

from services.gateway.policy import OPEN, RULES, SCOPES
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD

_SCHEME = "OAuth2"
_FLOWS = {PASSWORD: "password", CLIENT_CREDENTIALS: "clientCredentials"}


def describe_security(app: FastAPI, grants: Collection[str]) -> None:
    """Have the application's OpenAPI name the scope of every call, and how tokens are had."""
    described = app.openapi
    flow = {"tokenUrl": "token", "scopes": dict.fromkeys(SCOPES, "")}

    def openapi() -> dict[str, Any]:
        document = described()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes[_SCHEME] = {"type": "oauth2", "flows": {_FLOWS[grant]: flow for grant in grants}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                scope = RULES[f"{method.upper()} {path}"]
                if scope is not OPEN:
                    operation["security"] = [{_SCHEME: [scope]}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change it
