"""The HTTPS edge, from the OpenAPI document that the gateway makes of itself."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

from docs.reference.markdown import described, line, sections, table
from docs.reference.schemas import default, kind, members
from services.gateway.policy import RULES
from services.gateway.rest.app import create_app
from services.gateway.settings import Settings
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD
from services.gateway.wiring import Gateway

_FOR_BROWSERS = {
    "GET /": "The page: log in, drop a file, see history and forecast drawn.",
    "HEAD /": "The same without its content.",
    "GET /page/{file}": "What the page is made of: script, style and pictures.",
    "HEAD /page/{file}": "The same without its content.",
}
"""Routes that are not in the document, as no program calls them."""


def openapi() -> dict[str, Any]:
    """The document of a gateway that gives tokens in every way it can."""
    # Making the application asks no more of a gateway than this.
    login = SimpleNamespace(grants=(PASSWORD, CLIENT_CREDENTIALS))
    gateway = SimpleNamespace(settings=Settings.model_construct(), login=login)
    return create_app(cast("Gateway", gateway)).openapi()


def routes(document: Mapping[str, Any]) -> str:
    """Every route with its scope, parameters, body and answers."""
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    others = [call for call in RULES if not call.startswith("/") and call not in operations]
    rows = [[f"`{call}`", described(call, _FOR_BROWSERS.get(call))] for call in others]
    return sections(
        *(_operation(call, operation) for call, operation in operations.items()),
        "## For browsers" if rows else "",
        table(["call", "what it answers"], rows),
    )


def schemas(document: Mapping[str, Any]) -> str:
    """Every type of a body or an answer."""
    return sections(
        *(
            sections(
                f"### {name}",
                schema.get("description", ""),
                table(["member", "type", "default", "what it is"], _named(schema)),
            )
            for name, schema in sorted(document["components"]["schemas"].items())
        )
    )


def _operation(call: str, operation: Mapping[str, Any]) -> str:
    described(call, operation.get("description"))
    scope = RULES[call].scope
    return sections(
        f"## `{call}`",
        operation["description"],
        f"Scope: `{scope}`." if scope else "No token.",
        table(["parameter", "in", "type", "default", "what it is"], _parameters(operation)),
        *_bodies(operation.get("requestBody", {}).get("content", {})),
        table(["answer", "type"], _answers(operation["responses"])),
    )


def _parameters(operation: Mapping[str, Any]) -> Iterator[list[str]]:
    for each in operation.get("parameters", ()):
        schema = each["schema"]
        says = line(each.get("description", ""))
        yield [f"`{each['name']}`", each["in"], kind(schema).removesuffix(" or null"), default(schema), says]


def _bodies(content: Mapping[str, Any]) -> Iterator[str]:
    for media_type, body in content.items():
        if rows := list(_named(body["schema"])):
            yield f"Body `{media_type}`:"
            yield table(["field", "type", "default", "what it is"], rows)
        else:
            yield f"Body `{media_type}`: {kind(body['schema'])}"


def _named(schema: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, *rest in members(schema):
        yield [f"`{name}`", *rest]


def _answers(responses: Mapping[str, Any]) -> Iterator[list[str]]:
    """Those of one type in one row: most are errors."""
    statuses: dict[str, list[str]] = {}
    for status, response in responses.items():
        content = response.get("content", {})
        types = [f"{kind(body.get('schema', {}))}, `{media_type}`" for media_type, body in content.items()]
        statuses.setdefault("; ".join(types), []).append(status)
    for shown, listed in statuses.items():
        yield [", ".join(listed), shown]
