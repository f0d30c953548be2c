"""The pages: the support form with its files, and the reference of this interface."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from agent.errors import NotFound
from channels.web_form.form_page import CONTENT_SECURITY_POLICY, Asset, load_assets, render_page
from deployments.web.reference import REFERENCE_POLICY, render_reference


def build_router() -> APIRouter:
    """The files are read and rendered once, here."""
    router = APIRouter(tags=["pages"])
    page, assets = render_page(), load_assets()

    @router.head("/", include_in_schema=False)
    @router.get("/", response_class=HTMLResponse)
    async def form(request: Request) -> Response:
        """The support form."""
        return _answer(request, page, {"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    @router.get("/assets/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        if name not in assets:
            raise NotFound("no such file")
        return _answer(request, assets[name], {"Cross-Origin-Resource-Policy": "same-origin"})

    @router.get("/docs", include_in_schema=False)
    async def reference(request: Request) -> Response:
        return HTMLResponse(
            render_reference(request.app.openapi()), headers={"Content-Security-Policy": REFERENCE_POLICY}
        )

    return router


def _answer(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    """The file, or 304 when the browser has this version; it asks each time, so a new version shows at once."""
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", **headers}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)
