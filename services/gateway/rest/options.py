"""Options in the query, read at once: solving a dependency each took as long as reading the file does."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from services.core.errors import InvalidRequestError
from services.gateway.rest.security import SECONDS, TIMEOUT

Options = TypeVar("Options", bound=BaseModel)


def options_of(request: Request, usual: Options) -> Options:
    """Those of the query, `usual` where there are none.

    Raises InvalidRequestError, RequestValidationError.
    """
    given = request.query_params.multi_items()
    if not given:
        return usual
    options = dict(given)
    if len(options) < len(given):
        raise InvalidRequestError("An option is given twice")
    try:
        return type(usual).model_validate(options)
    except ValidationError as error:
        raise RequestValidationError(
            [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
        ) from None


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An option as OpenAPI says it.

    What is usual is said in words: clients that are made of the description would send it, and an option
    that is given is refused where it does not count. None is an option left out.
    """
    description, usual = schema.pop("description"), schema.pop("default")
    if usual is not None:
        description += f" Usually {str(usual).lower() if isinstance(usual, bool) else usual}."
    for kind in schema.pop("anyOf", ()):
        if kind["type"] != "null":
            schema.update(kind)
    return {"name": name, "in": "query", "description": description, "schema": schema}


def described(options: type[BaseModel], content: Mapping[str, Any]) -> dict[str, Any]:
    """What FastAPI cannot see of a call with such options and a body, for OpenAPI."""
    return {
        "parameters": [
            *(
                _parameter(name, dict(schema))
                for name, schema in options.model_json_schema().get("properties", {}).items()
            ),
            {
                "name": TIMEOUT,
                "in": "header",
                "description": "How long the caller waits, s; the gateway's own limit stays.",
                "schema": {"type": "string", "pattern": f"^{SECONDS}$"},
            },
        ],
        "requestBody": {"required": True, "content": dict(content)},
    }
