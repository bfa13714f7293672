"""The pages for people: the app, and the descriptions of the API; all their files come from the wheel."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from wheatstone.version import VERSION

router = APIRouter(include_in_schema=False)

UI = Path(str(resources.files(__package__))) / "ui"
_DOCS = "/ui-docs"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def _policy(script: str, worker: str, style: str, image: str) -> str:
    """A content-security-policy: nothing but from here, and only what the page needs."""
    return (
        f"default-src 'none'; connect-src 'self'; script-src 'self'{script}; worker-src {worker}; "
        f"style-src 'self'{style}; img-src {image}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_APP_POLICY = _policy(" 'wasm-unsafe-eval'", "blob:", "", "'self' blob:")


def add_pages(app: FastAPI) -> None:
    """Serve the pages; without a built app, only JSON."""
    app.include_router(router)
    for path, folder in (("/assets", UI / "assets"), (_DOCS, UI / "docs")):
        if folder.is_dir():
            app.mount(path, StaticFiles(directory=folder), name=path.strip("/"))


@router.get("/")
async def index(request: Request) -> Response:
    """The app for browsers, else what this is and where to go on."""
    page = UI / "index.html"
    if "text/html" in request.headers.get("accept", "") and page.is_file():
        return FileResponse(
            page, headers={**_HEADERS, "Content-Security-Policy": _APP_POLICY, "Cache-Control": "no-cache"}
        )
    base = str(request.base_url)
    links = {name: base + name for name in ("docs", "redoc", "health")}
    return JSONResponse({"name": "wheatstone", "version": VERSION, **links, "openapi": f"{base}openapi.json"})


@router.get("/docs")
async def swagger() -> HTMLResponse:
    """The API, to be tried."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Wheatstone: API",
        swagger_js_url=f"{_DOCS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_DOCS}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    hashes = "".join(
        f" 'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(bytes(page.body))
    )
    page.headers.update({**_HEADERS, "Content-Security-Policy": _policy(hashes, "'none'", "", "data:")})
    return page


@router.get("/redoc")
async def redoc() -> HTMLResponse:
    """The API, to be read."""
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title="Wheatstone: API",
        redoc_js_url=f"{_DOCS}/redoc.standalone.js",
        redoc_favicon_url="data:,",
        with_google_fonts=False,
    )
    policy = _policy("", "blob:", " 'unsafe-inline'", "data:")
    page.headers.update({**_HEADERS, "Content-Security-Policy": policy})
    return page
