"""What Twilio reports of a message that it took: status callbacks, in any order, some at the same time.

Each is kept; of all that came the highest rank holds, so that their order does not matter. "failed" and its like are
the highest: where Twilio contradicts itself, a person looks.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from agent.errors import BadInput
from agent.records import DeliveryReport, OutboxId, OutboxItem, ReportedEnd
from channels.whatsapp.inbound import MESSAGE_SID
from channels.whatsapp.provider_errors import OPTED_OUT, describe
from channels.whatsapp.signature import Form

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values. From 10 on it is on its way.
RANKS = {
    "accepted": 1,
    "scheduled": 2,
    "queued": 3,
    "sending": 4,
    "sent": 10,
    "delivered": 11,
    "read": 12,
    "canceled": 20,
    "undelivered": 21,
    "failed": 22,
}
_ENDED_BADLY = frozenset({"canceled", "undelivered", "failed"})
_STATUS = re.compile(r"^[a-z_]{1,30}$")


def callback_query(item: OutboxItem) -> str:
    """What the address for reports on a part carries: an id that nobody can guess, and nothing of anybody."""
    return urlencode({"outbox": str(item.outbox_id), "part": str(item.part)})


def parse_report(query: str, form: Form) -> DeliveryReport | None:
    """None for a report on what was not sent from here. Raises BadInput naming the field."""
    fields = parse_qs(query)
    sid = form.get("MessageSid") or form.get("SmsSid")
    if not MESSAGE_SID.fullmatch(sid):
        raise BadInput("MessageSid", "must be SM or MM and 32 hexadecimal digits")
    if "outbox" not in fields:
        return None
    try:
        outbox_id = OutboxId(UUID(fields["outbox"][0]))
    except ValueError as error:
        raise BadInput("outbox", "must be a UUID") from error
    part = fields.get("part", ["0"])[0]
    if not re.fullmatch(r"[0-9]{1,3}", part):
        raise BadInput("part", "must be a number")
    return to_report(outbox_id, int(part), sid, form.get("MessageStatus"), form.get("ErrorCode"))


def to_report(outbox_id: OutboxId, part: int, sid: str, status: str, error_code: str) -> DeliveryReport:
    """A status that is not known ranks below all others. Raises BadInput naming the field."""
    status = status.lower()
    if not _STATUS.fullmatch(status):
        raise BadInput("MessageStatus", "must be a status of a message")
    if error_code and not re.fullmatch(r"[0-9]{1,6}", error_code):
        raise BadInput("ErrorCode", "must be a number")
    code = int(error_code) if error_code and error_code != "0" else None
    end = None
    if status in _ENDED_BADLY:
        end = ReportedEnd.OPTED_OUT if code in OPTED_OUT else ReportedEnd.FAILED
    return DeliveryReport(
        outbox_id=outbox_id,
        part=part,
        provider_message_id=sid,
        status=status,
        rank=RANKS.get(status, 0),
        error_code=code,
        end=end,
        summary=f"A reply could not be delivered: {describe(code)}" if end else "",
    )
