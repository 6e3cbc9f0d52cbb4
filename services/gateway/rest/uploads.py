"""Reading request bodies, never more of them than allowed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pipelines.errors import Violation
from services.core.errors import InvalidRequestError, TooLargeError, UnsupportedMediaTypeError
from services.gateway.predict import EvenSeries, History, MeterFile
from services.gateway.rest.schemas.histories import FileOptions, SeriesIn

Document = TypeVar("Document", bound=BaseModel)

_FRAMING_BYTES = 64 * 1024
"""What boundaries and part headers may add to an upload."""

_MOST_PARTS = 10_000
"""Fields, lists and objects of a JSON document, by their marks: 256 time series have 2,800 to 3,600."""

MULTIPART, CSV, JSON = "multipart/form-data", "text/csv", "application/json"

_EXAMPLE = "Date-Time,Power Consumption [kW]\n2024-06-03 00:00:00,101.5\n2024-06-03 00:15:00,99.8\n"

UPLOAD: dict[str, Any] = {
    MULTIPART: {
        "schema": {
            "title": "UploadIn",
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary", "description": "A meter file."}},
        }
    }
}
"""The body of `read_upload`, as OpenAPI says it."""
ANY_HISTORY: dict[str, Any] = {
    **UPLOAD,
    # Of whatever encoding it is.
    CSV: {"schema": {"type": "string", "format": "binary"}, "example": _EXAMPLE},
    JSON: {"schema": SeriesIn.model_json_schema()},
}
"""That of `read_history`."""


class _InMemoryParser(MultiPartParser):
    """Keeps parts in memory: uploads are bounded, and nothing is left on a disk."""

    spool_max_size = 1 << 30


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises TooLargeError as soon as it is over the limit."""
    return b"".join([chunk async for chunk in _limited(request, limit, framing=0)])


async def read_history(request: Request, limit: int, options: FileOptions) -> History:
    """The history in a body: a multipart upload, a CSV, or a JSON series.

    Raises TooLargeError, UnsupportedMediaTypeError, InvalidRequestError.
    """
    _refuse_compressed(request)
    kind = _media_type(request)
    if kind == MULTIPART:
        return _file(await _uploaded_file(request, limit), options)
    if kind == CSV:
        return _file(await read_body(request, limit), options)
    if kind == JSON:
        if options.of_files:
            named = ", ".join(sorted(options.of_files))
            raise InvalidRequestError(f"{named}: for files alone; a series is in kW, from its start on")
        return await asyncio.to_thread(_series, await read_body(request, limit), options)
    raise UnsupportedMediaTypeError(f"Send {MULTIPART} with a file, {CSV} or {JSON}")


async def read_document(request: Request, limit: int, form: type[Document]) -> Document:
    """A request that is JSON of some form.

    Raises TooLargeError, UnsupportedMediaTypeError, InvalidRequestError.
    """
    _refuse_compressed(request)
    if _media_type(request) != JSON:
        raise UnsupportedMediaTypeError(f"Send {JSON}")
    return await asyncio.to_thread(_parsed, await read_body(request, limit), form, "request")


async def read_upload(request: Request, limit: int, options: FileOptions) -> MeterFile:
    """The one file of a multipart upload, field `file`.

    Raises TooLargeError, UnsupportedMediaTypeError, InvalidRequestError.
    """
    _refuse_compressed(request)
    if _media_type(request) != MULTIPART:
        raise UnsupportedMediaTypeError(f"Send {MULTIPART} with the meter file in the field 'file'")
    return _file(await _uploaded_file(request, limit), options)


def _file(content: bytes, options: FileOptions) -> MeterFile:
    return MeterFile(content, options.tz, options.declared, options.tolerance)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse_compressed(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("Compressed bodies are not taken: send the file as it is")


async def _limited(request: Request, limit: int, *, framing: int) -> AsyncGenerator[bytes, None]:
    """The body in chunks; raises TooLargeError, naming `limit`, where it is over limit and framing."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + framing:
        raise _too_large(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit + framing:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The upload is over the limit of {limit:,} bytes")


async def _uploaded_file(request: Request, limit: int) -> bytes:
    try:
        stream = _limited(request, limit, framing=_FRAMING_BYTES)
        parser = _InMemoryParser(request.headers, stream, max_files=2, max_fields=8, max_part_size=1024)
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "it cannot be read"
        raise InvalidRequestError(f"The multipart body is not valid: {reason}") from error
    try:
        files = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
        if len(files) != 1 or files[0][0] != "file":
            found = ", ".join(repr(name[:64]) for name, _ in files) or "none"
            raise InvalidRequestError(f"Send one file, in the field 'file'; found: {found}")
        content = await files[0][1].read()
    finally:
        await form.close()
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _series(body: bytes, options: FileOptions) -> EvenSeries:
    series = _parsed(body, SeriesIn, "series")
    # null becomes NaN.
    return EvenSeries(series.start, np.array(series.kw, dtype=np.float64), options.tolerance)


def _parsed(body: bytes, form: type[Document], what: str) -> Document:
    # A field that is not known is an error each, and errors keep what they are about: 10 MiB of fields took
    # 4 s and 900 MB to refuse.
    if sum(body.count(mark) for mark in (b":", b"[", b"{")) > _MOST_PARTS:
        raise _invalid(what, [Violation("field", "more fields, lists and objects than anything taken here")])
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        violations = [
            Violation(rule="field", message=fault["msg"], column=".".join(map(str, fault["loc"])) or None)
            for fault in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
        raise _invalid(what, violations) from None


def _invalid(what: str, violations: list[Violation]) -> InvalidRequestError:
    return InvalidRequestError(f"The {what} is not valid: {violations[0]}", tuple(violations))
