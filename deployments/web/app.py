"""The HTTP application over given services; it knows nothing of Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from deployments.routes import (
    attachments,
    channels,
    confirm,
    customers,
    desk,
    desk_page,
    desk_session,
    gmail,
    help_center,
    operations,
    pages,
    quarantine,
    service_rules,
    support,
    survey,
    whatsapp,
)
from deployments.web.embedding_sites import EmbeddingSites
from deployments.web.errors import UnexpectedErrors, add_error_handlers
from deployments.web.headers import SecurityHeaders
from deployments.web.request_fields import RequestFields
from deployments.web.services import IngressServices

_DESCRIPTION = "Support by e-mail, WhatsApp and web form: the customers' form, the desk, and operations."


def create_app(services: IngressServices) -> FastAPI:
    """One application of one replica; its lifespan closes the services."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = FastAPI(
        title="Customer Success Digital FTE",
        description=_DESCRIPTION,
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page loads scripts from a CDN; ours is in routes/pages
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    # Routes are tried in this order, and submissions are most of the traffic.
    desks = (desk.router, desk_session.router, desk_page.build_router(), attachments.router, quarantine.router)
    hooks = (whatsapp.router, gmail.router)
    form_pages = (confirm.build_router(), pages.build_router(links_help=services.help_pages is not None))
    for_customers = (support.router, *hooks, survey.router, *form_pages, help_center.router)
    for router in (*for_customers, *desks, customers.router, service_rules.router, channels.router, operations.router):
        app.include_router(router)
    add_error_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(UnexpectedErrors)
    if services.allowed_origins:
        app.add_middleware(EmbeddingSites, origins=services.allowed_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestFields)
    return app
