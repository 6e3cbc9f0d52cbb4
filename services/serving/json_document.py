"""A request body -> one JSON object, and how an error quotes JSON.

The texts are those of TensorFlow Serving's util/json_tensor.cc and of rapidjson, its parser.
"""

import json
import re
from typing import Any, NoReturn

from services.serving.status import StatusError, invalid

MAX_CONTAINERS = 2_000_000
"""Most lists and objects of a body, counted by their brackets: each takes many times its bytes in memory."""

MAX_QUOTED = 100
"""Characters of a caller's value that an error repeats."""

_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Extra data": "The document root must not be followed by other values.",
}
"""rapidjson's words for what Python's parser finds."""

_MISSING_COMMA = {
    "{": "Missing a comma or } after an object member.",
    "[": "Missing a comma or ] after an array element.",
}
"""By the bracket of what is not ended."""

_LEXEME = re.compile(r'"(?:[^"\\]|\\.?)*"?|[\[\]{}]|Inf(?:inity)?', re.DOTALL)
"""A string (that a bad text need not end), a bracket, or what stands for infinity outside strings."""

_LARGE_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NUMBER_TOO_BIG = "JSON Parse error: Number too big to be stored in double."


def parse(body: bytes) -> dict[str, Any]:
    """The object a body holds.

    Raises StatusError INVALID_ARGUMENT where it holds none, for more than MAX_CONTAINERS, and for nesting
    deeper than Python's parser follows (about 1,000).
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise invalid(f"JSON Parse error: more than {MAX_CONTAINERS} lists and objects")
    try:
        text = body.decode("utf-8-sig")
        document = _loads(text)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        _refuse(error)
    except UnicodeDecodeError:
        raise invalid("JSON Parse error: Invalid encoding in string.") from None
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None
    except RecursionError:
        raise invalid("JSON Parse error: nested too deeply") from None
    except ValueError:  # an integer of thousands of digits
        raise invalid(_NUMBER_TOO_BIG) from None
    if not isinstance(document, dict):
        raise format_error(document, "Is not object")
    return document


def _loads(text: str) -> Any:
    parse_float = _finite if _LARGE_EXPONENT.search(text) else None
    try:
        return json.loads(text, parse_float=parse_float)
    except json.JSONDecodeError as error:
        if not text.startswith(("Inf", "-Inf"), error.pos):
            raise
    # rapidjson takes this short form of Infinity, too. Offsets in errors after it count the long form.
    spelled_out = _LEXEME.sub(lambda found: "Infinity" if found[0] == "Inf" else found[0], text)
    return json.loads(spelled_out, parse_float=parse_float)


def _refuse(error: json.JSONDecodeError) -> NoReturn:
    said = _PARSE_ERRORS.get(error.msg, "Unspecific syntax error.")
    if error.msg == "Expecting ',' delimiter":
        said = _MISSING_COMMA[_innermost(error.doc[: error.pos])]
    if not error.doc[error.pos :].strip() and not error.doc[: error.pos].strip():
        said = "The document is empty."
    offset = len(error.doc[: error.pos].encode())
    raise invalid(f"JSON Parse error: {said} at offset: {offset}") from None


def _innermost(text: str) -> str:
    """The last bracket of a text that is not closed in it; there must be one."""
    opened = []
    for found in _LEXEME.finditer(text):
        if found[0] in {"{", "["}:
            opened.append(found[0])
        elif found[0] in {"}", "]"}:
            opened.pop()
    return opened[-1]


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise invalid(_NUMBER_TOO_BIG)
    return value


def signature_name(document: dict[str, Any]) -> str:
    """The signature a request names, empty where it names none.

    Raises StatusError INVALID_ARGUMENT where the name is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name


def format_error(value: Any, said: str) -> StatusError:
    """The failure of a value that is not of the form a request has."""
    return invalid(f"JSON Value: {quoted(value)} {said}")


def quoted(value: Any) -> str:
    """The start of a value's JSON, as an error repeats it."""
    text = ""
    try:
        # In pieces, for a large value is not written out to be cut.
        for piece in json.JSONEncoder(ensure_ascii=False, indent=4).iterencode(value):
            text += piece
            if len(text) > MAX_QUOTED:
                return f"{text[:MAX_QUOTED]}..."
    except RecursionError:
        return f"{text}..."
    return text


def type_name(value: Any) -> str:
    """The JSON type of a value, as errors name it."""
    match value:
        case bool():
            return str(value)
        case None:
            return "Null"
        case dict():
            return "Object"
        case list():
            return "Array"
        case str():
            return "String"
        case _:
            return "Number"


def is_base64(value: Any) -> bool:
    """Whether a value is `{"b64": "..."}`, which stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)
