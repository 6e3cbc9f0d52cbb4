"""The page at /: its files, which are in `page/`, and what a browser may do with them."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "page"
_HTML = "text/html; charset=utf-8"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
"""Of what the page is made of; other files are not served."""
_READS = ["GET", "HEAD"]

_OF_THE_PAGE = {
    # Run what comes from here, call nobody else, be shown within nothing; text becomes no HTML and no script.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    # Whoever opened it has no hold on its window.
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    headers: dict[str, str]

    @classmethod
    def read(cls, path: Path, media_type: str, **headers: str) -> Self:
        content = path.read_bytes()
        always = {
            "Content-Type": media_type,
            # A browser keeps it, and asks each time whether it is still the same.
            "Cache-Control": "no-cache",
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        }
        return cls(content, always | headers)

    def answer(self, request: Request) -> Response:
        known = request.headers.get("if-none-match", "").split(",")
        if self.headers["ETag"] in [etag.strip().removeprefix("W/") for etag in known]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=self.headers)
        return Response(self.content, headers=self.headers)


_PAGE = _File.read(_FOLDER / "index.html", _HTML, **_OF_THE_PAGE)
_FILES = {
    path.name: _File.read(path, _TYPES[path.suffix]) for path in _FOLDER.rglob("*") if path.suffix in _TYPES
}
"""By name, all there are: nothing is looked up on the disk for a request."""


@router.api_route("/", methods=_READS)
async def page(request: Request) -> Response:
    """Log in, drop a meter file, see the load and its forecast."""
    return _PAGE.answer(request)


@router.api_route("/page/{file}", methods=_READS)
async def page_file(file: str, request: Request) -> Response:
    """What the page is made of."""
    if file not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _FILES[file].answer(request)
