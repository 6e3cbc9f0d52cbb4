"""What OpenAPI says of all calls alike: tokens and scopes, read off policy.py, bodies and errors by name."""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI

from services.gateway.policy import ADMIN, FORECAST, MODELS_READ, OPEN, RULES, TENSORS
from services.gateway.rest.problems import MEDIA_TYPE
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD

_SCHEME = "OAuth2"
_SCHEMAS = "#/components/schemas/"
_PROBLEMS = [{"$ref": f"{_SCHEMAS}{name}"} for name in ("Problem", "TimeSeriesProblem")]
_SCOPES = {
    FORECAST: "Forecasts and backtests",
    MODELS_READ: "What is served",
    TENSORS: "Tensors of the models themselves, over gRPC",
    ADMIN: "Users",
}
_FLOWS = {PASSWORD: "password", CLIENT_CREDENTIALS: "clientCredentials"}


def describe(app: FastAPI, grants: Collection[str]) -> None:
    """Have the OpenAPI name the scope of every call, how tokens are had, what is sent and what errors are."""
    described = app.openapi
    flow = {"tokenUrl": "token", "scopes": _SCOPES}

    def openapi() -> dict[str, Any]:
        document = described()
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            _SCHEME: {"type": "oauth2", "flows": {_FLOWS[grant]: flow for grant in grants}}
        }
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                scope = RULES[f"{method.upper()} {path}"].scope
                if scope is not OPEN:
                    operation["security"] = [{_SCHEME: [scope]}]
                if body := operation.get("requestBody"):
                    content = {
                        kind: {**said, "schema": _named(said["schema"], components["schemas"])}
                        for kind, said in body["content"].items()
                    }
                    # Another one, as routes share theirs.
                    operation["requestBody"] = {**body, "content": content}
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if content.get("application/json", {}).get("schema") in _PROBLEMS:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change it


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A body's schema by its title, put among the others: a client has one type for it, not one a call."""
    title = schema.get("title")
    if not title:
        return schema
    own = {key: value for key, value in schema.items() if key != "$defs"}
    schemas |= {**schema.get("$defs", {}), title: own}
    return {"$ref": f"{_SCHEMAS}{title}"}
