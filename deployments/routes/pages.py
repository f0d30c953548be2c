"""The pages: the support form with its element's modules, and the reference of this interface."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from agent.errors import NotFound
from channels.web_form.confirmation_page import load_confirmation_files
from channels.web_form.form_page import (
    ENTRY,
    Asset,
    load_modules,
    load_page_files,
    render_pages,
)
from deployments.help_center.look import load_help_files
from deployments.web.reference import REFERENCE_POLICY, render_reference
from deployments.web.static_files import StaticFile, answer_file, answer_page


def build_router(*, links_help: bool) -> APIRouter:
    """The files are read and rendered once, here. `links_help`: the form leads to the articles."""
    router = APIRouter(tags=["pages"])
    own = load_page_files() | load_confirmation_files() | load_help_files()
    form_pages = render_pages(help_path="/help" if links_help else "")
    pages, modules, page_files = map(_to_files, (form_pages, load_modules(), own))
    entry = modules.pop(ENTRY)

    @router.head("/", include_in_schema=False)
    @router.get("/", response_class=HTMLResponse)
    async def form(request: Request, lang: str = "") -> Response:
        """The support form, in the language of `lang` or else of the browser."""
        return answer_page(request, pages, lang)

    @router.get(f"/{ENTRY}", include_in_schema=False)
    async def element(request: Request) -> Response:
        return answer_file(request, entry)

    @router.get("/assets/{name:path}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        # Which sites may load a module is the cross-origin middleware's to say; a page's own files are for it alone.
        if name in modules:
            return answer_file(request, modules[name])
        if name in page_files:
            return answer_file(request, page_files[name], {"Cross-Origin-Resource-Policy": "same-origin"})
        raise NotFound("no such file")

    @router.get("/docs", include_in_schema=False)
    async def reference(request: Request) -> Response:
        return HTMLResponse(
            render_reference(request.app.openapi()), headers={"Content-Security-Policy": REFERENCE_POLICY}
        )

    return router


def _to_files(assets: Mapping[str, Asset]) -> dict[str, StaticFile]:
    return {name: StaticFile.of(asset.content, asset.media_type) for name, asset in assets.items()}
