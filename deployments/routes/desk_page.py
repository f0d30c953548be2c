"""The desk's page at `/desk` and its files. It holds no data: what it shows, it asks for as who signed in."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

import deployments
from agent.errors import NotFound
from deployments.web.static_files import answer_file, load_folder

_FOLDER = Path(deployments.__file__).parent / "desk_page"
# With trusted types no script of the page can make markup of a text; lit-html's policy is for its own templates.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)


def build_router() -> APIRouter:
    """The files are read once, here."""
    router = APIRouter(prefix="/desk", tags=["desk"])
    files = load_folder(_FOLDER)
    page = files.pop("index.html")

    @router.get("", response_class=HTMLResponse)
    async def show_desk(request: Request) -> Response:
        """The desk's page."""
        return answer_file(request, page, {"Content-Security-Policy": _POLICY})

    @router.get("/assets/{path:path}", include_in_schema=False)
    async def show_file(request: Request, path: str) -> Response:
        if path not in files:
            raise NotFound("no such file")
        return answer_file(request, files[path], {"Cross-Origin-Resource-Policy": "same-origin"})

    return router
