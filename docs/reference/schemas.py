"""JSON schemas in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.reference.markdown import line

Schema = Mapping[str, Any]

_FORMATS = {
    "binary": "a file",
    "date-time": "time (ISO 8601, with offset)",
    "file-path": "path of a file",
    "ipvanynetwork": "address or network",
    "password": "text",
    "path": "path",
}
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "true or false",
    "null": "null",
}


def kind(schema: Schema) -> str:
    """What a value may be; another schema by a link to its heading on the same page.

    >>> kind({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 96}})
    'list of integer, 1 to 96'
    >>> kind({"anyOf": [{"$ref": "#/components/schemas/StepOut"}, {"type": "null"}]})
    '[StepOut](#stepout) or null'
    """
    match schema:
        case {"$ref": str(path)}:
            name = path.rpartition("/")[2]
            said = f"[{name}](#{name.lower()})"
        case {"anyOf": list(several)}:
            said = " or ".join(map(kind, several))
        case {"enum": list(values)}:
            said = " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            said = f"`{value}`"
        case {"type": "array", "items": items}:
            said = f"list of {kind(items)}"
        case {"type": "object", "additionalProperties": Mapping() as values} if values:
            said = f"object of {kind(values)}"
        case _:
            named = _FORMATS.get(schema.get("format", "")) or _TYPES.get(schema.get("type", ""), "anything")
            said = ", ".join([named, *_limits(schema)])
    return said


def default(schema: Schema) -> str:
    """What counts where nothing is said, as code; empty where that is nothing, or something must be said."""
    value = schema.get("default")
    return "" if value in (None, [], "") else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def members(schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    """Name, kind, default and description of every property of an object."""
    for name, each in schema.get("properties", {}).items():
        usual = "required" if name in schema.get("required", ()) else default(each)
        yield name, kind(each), usual, line(each.get("description", ""))


def _limits(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        yield f"{least:,} to {most:,}"
    elif least is not None:
        yield f"{least:,} or more"
    elif most is not None:
        yield f"{most:,} or less"
    if "exclusiveMinimum" in schema:
        yield f"more than {schema['exclusiveMinimum']:,}"
    if "maxLength" in schema:
        yield f"{schema['maxLength']:,} characters at most"
