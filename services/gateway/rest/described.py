"""What OpenAPI says of all calls alike: tokens and scopes, read off policy.py, and the type of errors."""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI

from services.gateway.policy import OPEN, RULES, SCOPES
from services.gateway.rest.problems import MEDIA_TYPE
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD

_SCHEME = "OAuth2"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_FLOWS = {PASSWORD: "password", CLIENT_CREDENTIALS: "clientCredentials"}


def describe(app: FastAPI, grants: Collection[str]) -> None:
    """Have the OpenAPI name the scope of every call, how tokens are had, and what errors are."""
    described = app.openapi
    flow = {"tokenUrl": "token", "scopes": dict.fromkeys(SCOPES, "")}

    def openapi() -> dict[str, Any]:
        document = described()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes[_SCHEME] = {"type": "oauth2", "flows": {_FLOWS[grant]: flow for grant in grants}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                scope = RULES[f"{method.upper()} {path}"].scope
                if scope is not OPEN:
                    operation["security"] = [{_SCHEME: [scope]}]
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if content.get("application/json", {}).get("schema") == _PROBLEM:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change it
