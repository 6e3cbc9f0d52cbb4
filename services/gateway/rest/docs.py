"""/docs: a page that shows the API, in development."""

import base64
import hashlib
import re

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

_UI = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
_SCRIPT, _STYLE = f"{_UI}/swagger-ui-bundle.js", f"{_UI}/swagger-ui.css"


def add_docs(app: FastAPI, path: str) -> None:
    """Serve the page; the browser may run its two scripts and ask this gateway, nothing else."""
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=app.title,
        swagger_js_url=_SCRIPT,
        swagger_css_url=_STYLE,
        swagger_favicon_url="data:,",
    )
    own_scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in own_scripts
    )
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {_SCRIPT} {hashes}; style-src {_STYLE} 'unsafe-inline'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    async def docs(_request: Request) -> HTMLResponse:
        return page

    app.add_route(path, docs, include_in_schema=False)
