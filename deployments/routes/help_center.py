"""The articles as customers read them, at `/help`; 404 throughout where the operator has another help centre."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from agent.errors import NotFound
from channels.web_form.form_page import Asset
from channels.web_form.form_texts import choose_language
from deployments.help_center import look
from deployments.help_center.allowance import TooManySearches
from deployments.help_center.pages import HelpPages
from deployments.web.reference import error_responses
from deployments.web.services import services_of
from deployments.web.static_files import StaticFile, answer_file

router = APIRouter(tags=["pages"])

_KEPT = "public, max-age=60"
"""So long a browser or a cache before us need not ask again."""


@router.head("/help", include_in_schema=False)
@router.get("/help", response_class=HTMLResponse, responses=error_responses(404, 422, 429, 503))
async def show_help(
    request: Request,
    q: Annotated[str, Query(max_length=200, description="Words to search for; the list of all articles without")] = "",
    lang: str = "",
) -> Response:
    """The help centre: the current articles by category, or those that have the words of `q`."""
    pages, language = _pages_of(request), _language_of(request, lang)
    query = " ".join(q.split())
    if not query:
        return _answer(request, await pages.show_list(language), language)
    try:
        found = await pages.search(query, services_of(request).senders.identify(request))
    except TooManySearches as refusal:
        busy = look.busy_page(query, language)
        return _answer_once(busy, language, refusal.http_status, {"Retry-After": str(refusal.retry_after_s)})
    return _answer_once(look.results_page(query, found, language), language)


@router.head("/help/{slug:path}", include_in_schema=False)
@router.get("/help/{slug:path}", response_class=HTMLResponse, responses=error_responses(404, 503))
async def show_article(request: Request, slug: str, lang: str = "") -> Response:
    """One current article; its headings have anchors, to which citations link."""
    pages, language = _pages_of(request), _language_of(request, lang)
    try:
        return _answer(request, await pages.show_article(slug, language), language)
    except NotFound:
        return _answer_once(look.missing_page(language), language, 404)


def _pages_of(request: Request) -> HelpPages:
    pages = services_of(request).help_pages
    if pages is None:
        raise NotFound("no such page")
    return pages


def _language_of(request: Request, lang: str) -> str:
    return choose_language(lang, request.headers.get("accept-language", ""), look.help_texts())


def _answer(request: Request, page: StaticFile, language: str) -> Response:
    return answer_file(request, page, {**_headers(language), "Cache-Control": _KEPT})


def _answer_once(page: Asset, language: str, status: int = 200, more: dict[str, str] | None = None) -> Response:
    """What depends on what was asked for, which may be private: no cache keeps it."""
    headers = {**_headers(language), "Cache-Control": "no-store", **(more or {})}
    return Response(page.content, status, headers, page.media_type)


def _headers(language: str) -> dict[str, str]:
    return {"Content-Security-Policy": look.POLICY, "Content-Language": language, "Vary": "Accept-Language"}
