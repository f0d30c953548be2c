"""How the channels stand."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from agent.channel_health import ChannelState
from deployments.web.reference import error_responses
from deployments.web.requests import require_operator
from deployments.web.services import services_of

router = APIRouter(tags=["operations"])


class ChannelList(BaseModel):
    """Every channel, whether it is used or not."""

    channels: Sequence[ChannelState]


@router.get("/channels", dependencies=[Depends(require_operator)], responses=error_responses(401, 503))
async def list_channels(request: Request) -> ChannelList:
    """List each channel's mode, which of its credentials are set (never their values), and its latest traffic."""
    return ChannelList(channels=await services_of(request).channel_states.fetch())
