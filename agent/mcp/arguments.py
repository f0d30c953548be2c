"""What tools take: each argument's form, checked before anything is looked up."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agent.records import ReasonCode

TICKET_NUMBER = r"^TF-[0-9]{8}-[0-9]{4,12}$"
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _refuse_controls(text: str) -> str:
    if _CONTROLS.search(text):
        raise ValueError("must not contain control characters")
    return text


def _require_words(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


TicketNumber = Annotated[
    str, Field(pattern=TICKET_NUMBER, description="The one ticket to act for, as TF-20260131-0001.")
]
CustomerNumber = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="The one customer to act for, by the `customer_id` of a ticket.",
    ),
]
Slug = Annotated[str, Field(pattern=r"^[^\x00-\x20<>\"]{1,200}$")]
Subject = Annotated[
    str, Field(max_length=200), AfterValidator(_refuse_controls), AfterValidator(lambda text: " ".join(text.split()))
]
Message = Annotated[str, Field(max_length=5_000), AfterValidator(_refuse_controls), AfterValidator(_require_words)]
Summary = Annotated[str, Field(max_length=2_000), AfterValidator(_refuse_controls), AfterValidator(_require_words)]
Query = Annotated[str, Field(max_length=2_000), AfterValidator(_refuse_controls), AfterValidator(_require_words)]
Note = Annotated[str, Field(max_length=2_000), AfterValidator(_refuse_controls)]

HandoverReason = Literal[
    ReasonCode.PRICING_INQUIRY,
    ReasonCode.REFUND_REQUEST,
    ReasonCode.LEGAL_ISSUE,
    ReasonCode.CANCELLATION_REQUEST,
    ReasonCode.SECURITY_CONCERN,
    ReasonCode.ABUSIVE_LANGUAGE,
    ReasonCode.CUSTOMER_REQUESTED,
    ReasonCode.TECHNICAL_EMERGENCY,
    ReasonCode.CHURN_RISK,
    ReasonCode.NEGATIVE_SENTIMENT,
    ReasonCode.KNOWLEDGE_GAP,
    ReasonCode.POLICY_RESTRICTION,
]
"""The reasons that a caller may give; team and severity follow from the escalation rules."""
