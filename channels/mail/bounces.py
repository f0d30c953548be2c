"""Mail about mail: what was not delivered (RFC 3464, and the shapes of servers that do not follow it), what is late,
what was read (RFC 8098)."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from typing import Final

from channels.mail.automatic import base_address, has_null_sender, is_daemon, is_no_reply
from channels.mail.headers import first_id, header_text, mailboxes, message_ids, raw_values
from channels.mail.parts import Parts, take_apart
from channels.mail.records import Mailbox, Reason


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says of the message that it is about: the first recipient of several."""

    reason: Reason
    recipient: str = ""
    message_id: str = ""


_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,9}")
_LOCAL_ADDRESS: Final = re.compile(r"^[ \t]*<([^<>\s@]+@[^<>\s@]+)>", re.MULTILINE)
_CODE: Final = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?![\d.])|(?<![\d.])([45])\d\d[ -](?=[\d<A-Z])")
_ALONE: Final = re.compile(rf"^[ \t]*<?({_ADDRESS.pattern})>?[ \t]*:?[ \t]*$", re.MULTILINE)
_LONGEST_PROSE: Final = 20_000
_STATUS_FIELD: Final = re.compile(r"^(?:reporting-mta|final-recipient|original-recipient|action|status):", re.M | re.I)
_STATED_RECIPIENT: Final = re.compile(
    r"^(?:final|original)-recipient:\s*rfc822;\s*<?([^<>\s@]+@[^<>\s@]+)>?", re.MULTILINE | re.IGNORECASE
)
_SERVER_NAME: Final = re.compile(
    r"mail delivery (?:sub)?system|mail(?:er)? ?-?daemon|postmaster|mail administrator|"
    r"microsoft outlook|mail system|delivery status",
    re.IGNORECASE,
)
_SERVER_ADDRESS: Final = re.compile(
    r"^(?:post[-_.]?master|microsoftexchange[0-9a-f]+|mail-?delivery|bounces?|mdaemon|mailsystem)\b", re.IGNORECASE
)
_FAILED_SUBJECT: Final = re.compile(
    r"^\W*(?:\[[^\]]{1,40}\]\W*)?(?:there was an error sending|メッセージを配信できません|mail fail(?:ure|ed)\b|"
    r"undeliver(?:able|ed)|non[- ]?deliver|not delivered|failure notice|"
    r"delivery (?:status notification|failure|has failed|failed|report|problem|error|notification)|"
    r"returned mail|returned to sender|"
    r"(?:e-?)?mail (?:delivery|system) (?:failed|failure|error|problem)|mail could not be delivered|"
    r"message (?:undeliverable|not delivered|delivery failure|could not be delivered)|rejected:|"
    r"undelivered mail|failed mail|error sending|nondeliverable|"
    r"(?:your )?(?:message|mail|e-?mail)(?: to .{1,100})? (?:could(?: not|n't) be|was not|wasn't|"
    r"not) delivered|unzustellbar|nicht zustellbar|unzustellbarkeits|fehler bei der (?:zu|"
    r"e-mail-)stellung|zustellung fehlgeschlagen|mail-?zustellung|"
    r"non remis|échec de (?:la )?remise|non distribuable|message non (?:remis|distribué)|"
    r"échec d['’]envoi|no se (?:puede|pudo) entregar|no entregado|error (?:de|en la) entrega|"
    r"correo no entregado|non recapitabile|mancato recapito|impossibile recapitare|errore di consegna|"
    r"não (?:é possível entregar|foi entregue|entregue)|falha na entrega|não foi possível entregar|"
    r"onbestelbaar|niet bezorgd|niet afgeleverd|kan niet worden bezorgd|ej levererbart|"
    r"kunde inte levereras|oleverbart|kan ikke leveres|uleverbar|ikke levert|toimitus epäonnistui|"
    r"ei voi toimittaa|"
    r"nie można dostarczyć|niedostarczon|zwrot wiadomości|nedoručiteln|nedoručen|kézbesíthetetlen|"
    r"nelivrat|imposibil de livrat|не(?:\s?удается|\s?удалось)?\s?достав|недоставлен|не доставлено|"
    r"teslim edilemedi|iletilemedi|配信不能|配信できません|配達不能|未配信|送信エラー|未送達|无法送达|"
    r"无法投递|(?:系统)?退信|投递失败|傳送失敗|배달되지 않음|(?:메일 )?전송 실패|반송|"
    r"olevererbart|oleveransbart|kan inte levereras|kunne ikke leveres|meddelelsen kunne ikke|"
    r"toimittamaton|viestiä ei voi|zprávu nelze doručit|nelze doručit|zprávu se nepodařilo|"
    r"správu sa nepodarilo|nemožno doručiť|nedoručiteľn|kézbesítés sikertelen|sikertelen kézbesítés|"
    r"nem kézbesíthető|nelivrabil|nu a putut fi livrat|nie udało się dostarczyć|"
    r"wiadomość nie została dostarczona|δεν (?:ήταν δυνατή|παραδόθηκε)|αδύνατη η παράδοση|"
    r"не вдалося доставити|недоставлено|недоставим|не може да бъде доставен|неиспоручен|"
    r"nije (?:isporučen|moguće isporučiti)|neisporučiv|ni mogoče dostaviti|nedostavljiv|"
    r"nepristatyt|nepavyko pristatyti|nepiegādā|nevarēja piegādāt|edastamatu|kohale ?toimetamine|"
    r"gönderilemedi|(?:ileti|mesaj) (?:teslim|iletil)|تعذر (?:ال)?تسليم|لم يتم (?:ال)?تسليم|غير قابل للتسليم|"
    r"לא ניתן (?:למסירה|למסור)|ההודעה לא נמסרה|ส่งไม่(?:ได้|สำเร็จ)|ไม่สามารถ(?:นำ)?ส่ง|"
    r"không (?:thể )?(?:gửi|phân phối|chuyển)|gagal (?:terkirim|dikirim|mengirim)|tidak (?:dapat )?(?:ter|di)kirim|"
    r"配信エラー|送信できません|送信失敗|エラーメール|不達)",
    re.IGNORECASE,
)
_FAILED_TEXT: Final = re.compile(
    r"could(?: not|n['’]t) be delivered|was(?: not|n['’]t) delivered|did not reach the following recipient|"
    r"delivery (?:to .{0,80})?(?:has )?failed|failed permanently|permanent (?:fatal )?error|"
    r"undeliverable|unable to deliver|wasn't able to deliver|cannot be delivered|not (?:able|"
    r"possible) to deliver|"
    r"i'm afraid i wasn't able|returned to sender|address(?:es)? (?:had|failed)|user unknown|"
    r"unknown user|no such user|mailbox (?:unavailable|not found|is full|full)|does not exist|"
    r"recipient rejected|address rejected|55\d[ -]\d?\.?\d?|"
    r"konnte nicht zugestellt|nicht zugestellt werden|n['’]a pas (?:pu être|été) (?:remis|délivré|"
    r"distribué)|no se (?:pudo|ha podido) entregar|non è stato (?:possibile )?(?:recapita|consegna)|"
    r"não (?:pôde|foi) (?:ser )?entregue|kon niet worden (?:bezorgd|afgeleverd)",
    re.IGNORECASE,
)
# What one server said to another, which people do not write.
_TRANSCRIPT: Final = re.compile(r"^\s*RCPT TO:\s*\S+@", re.IGNORECASE | re.MULTILINE)
_LATE: Final = re.compile(
    r"\(delay(?:ed)?\)|delivery (?:is |has been )?delayed|delayed mail|delay(?:ed)? (?:notification|"
    r"delivery)|still (?:being )?(?:retried|undelivered)|could not send message for (?:the )?past|"
    r"will (?:keep|continue) (?:trying|to try|to be retried)|will (?:be )?retr(?:y|ied)|"
    r"delivery incomplete|"
    r"temporar(?:y|ily) (?:problem|error|failure|suspended|undeliverable).{0,200}(?:retry|try again|"
    r"trying)|this is a warning message only|you do not need to resend|"
    r"no action is required on your part|(?:zustellung|nachricht).{0,40}verzögert|verzögerung bei der zustellung|"
    r"weiter(?:hin|e)? zustellversuch|bisher nicht zugestellt|"
    r"remise différée|remise retardée|de nouvelles tentatives|n['’]a pas encore (?:pu être|été)|retraso en la entrega|"
    r"se seguirá intentando|entrega retrasada|ritardo nella consegna|ulteriori tentativi|consegna ritardata|"
    r"atraso na entrega|entrega atrasada|continuará tentando|vertraging bij|levering vertraagd|försenad|forsinket|"
    r"opóźnion|zpožděn|odložen[aoé]|késleltet|întârziat|gecik(?:ti|me)|отложен|задерж|будет повтор|затримк|"
    r"配信が遅延|遅延しています|再送を試み|投递延迟|延迟投递|傳送延遲|배달이 지연|지연되었",
    re.IGNORECASE | re.DOTALL,
)
_COPY_BEGINS: Final = re.compile(
    r"^\W{0,20}(?:-+ ?(?:below this line is a copy|this is a copy of|the header of the original|"
    r"original message (?:header|follows)|original message|returned message|undelivered message|"
    r"message header follows|message headers? follow|transcript of session)|"
    r"(?:return-path|received|x-[a-z-]+|mime-version|dkim-signature|message-id):\s)",
    re.IGNORECASE | re.MULTILINE,
)
_RETURNED_ID: Final = re.compile(r"^\W{0,4}message-id:\s*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_COMPLAINT: Final = re.compile(r"^complaint about message from \d", re.IGNORECASE)
_READ_SUBJECT: Final = re.compile(
    r"^(?:read|not read|gelesen|ungelesen|lu|non lu|leído|no leído|letto|lida|gelezen|läst|lest|læst|"
    r"przeczytane|přečteno|прочитано|прочтено|已读|開封済み|읽음)\s?[:：]",
    re.IGNORECASE,
)


def find_report(message: Message, sender: Mailbox, subject: str, parts: Parts, text: str) -> Report | None:
    """What the mail reports, or None for a mail that is no report. `text` is all that it shows."""
    kinds = {report.get_content_type() for report in parts.reports}
    if kinds & {"message/disposition-notification", "message/global-disposition-notification"}:
        return Report(Reason.READ_RECEIPT)
    inner = [] if parts.reports or not _is_from_server(message, sender, parts) else _inner_reports(parts)
    groups = [group for report in [*parts.reports, *inner] for group in _groups(report)]
    for action, reason in (("failed", Reason.BOUNCE), ("delayed", Reason.DELAY)):
        found = next((group for group in groups if _action(group) == action), None)
        if found is not None:
            return Report(reason, _recipient(found, parts, text, message), _message_id(message, parts, text))
    if any(_action(group) for group in groups):
        return Report(Reason.DELIVERY_REPORT)
    unstructured = _unstructured(message, sender, subject, parts, text)
    if unstructured is not None:
        return unstructured
    stated = " ".join(raw_values(message, "Content-Type")[:1]).lower()
    if stated.startswith("multipart/report"):
        receipt = "disposition-notification" in stated or _READ_SUBJECT.match(subject)
        return Report(Reason.READ_RECEIPT if receipt else Reason.REPORT)
    if not text and _READ_SUBJECT.match(subject):
        return Report(Reason.READ_RECEIPT)  # Outlook's own, in a winmail.dat
    return Report(Reason.REPORT) if kinds or _COMPLAINT.match(subject) else None


def _unstructured(message: Message, sender: Mailbox, subject: str, parts: Parts, text: str) -> Report | None:
    """The reports of servers that write prose: qmail, Exim, older Exchange, Gmail in part."""
    if not _is_from_server(message, sender, parts):
        return None
    failed_recipients = _failed_recipients(message)
    said = _before_copy(text)
    about = f"{subject}\n{said}"
    given_up = failed_recipients or _FAILED_SUBJECT.match(subject)
    names_somebody = _can_only_be_a_report(message, sender, said)
    late = _LATE.search(about) is not None or (names_somebody and not given_up and _is_for_now(said))
    late = late and not re.search(r"permanent|giving up|gave up", about, re.IGNORECASE)
    failed = given_up or _says_failed(message, sender, parts, said)
    recipient = failed_recipients[0] if failed_recipients else _recipient_in(said, message)
    if not (failed or late or (recipient and names_somebody)):
        return None
    return Report(Reason.DELAY if late else Reason.BOUNCE, recipient, _message_id(message, parts, text))


def _says_failed(message: Message, sender: Mailbox, parts: Parts, said: str) -> bool:
    """By its words alone. A postmaster may be a person who writes of such trouble: then what a server adds counts."""
    if not _FAILED_TEXT.search(said):
        return False
    proven = bool(parts.returned) or has_null_sender(message) or _TRANSCRIPT.search(said) is not None
    local = sender.address.partition("@")[0]
    answers_nobody = is_no_reply(sender) and bool(parts.returned)
    return is_daemon(sender) or answers_nobody or (proven and _SERVER_ADDRESS.match(local) is not None)


def _is_for_now(said: str) -> bool:
    """Whether the codes that are named say that it is tried again (RFC 3463, 3.1), and none that it is not."""
    codes = {match[1] or match[2] for match in _CODE.finditer(said)}
    return codes == {"4"}


def _can_only_be_a_report(message: Message, sender: Mailbox, said: str) -> bool:
    """In whatever language: a mail server's own account, to which nobody answers, names somebody else's address."""
    named_alone = _LOCAL_ADDRESS.search(said) is not None or _ALONE.search(said) is not None
    if not named_alone:
        return False
    local = sender.address.partition("@")[0]
    return is_daemon(sender) or (has_null_sender(message) and _SERVER_ADDRESS.match(local) is not None)


def _failed_recipients(message: Message) -> list[str]:
    return [box.address for box in mailboxes(message, "X-Failed-Recipients")]


def _inner_reports(parts: Parts) -> list[Message]:
    """The reports of a bounce that another server wrapped in its own."""
    return [report for inner in parts.returned[:1] for report in take_apart(inner).reports]


def _is_from_server(message: Message, sender: Mailbox, parts: Parts) -> bool:
    local = sender.address.partition("@")[0]
    return bool(
        is_daemon(sender)
        or has_null_sender(message)
        or _failed_recipients(message)
        or _SERVER_ADDRESS.match(local)
        or (not sender.address and not parts.attachments)
        or (is_no_reply(sender) and parts.returned)
        or (_SERVER_NAME.search(sender.name) and not _person_like(sender))
    )


def _person_like(sender: Mailbox) -> bool:
    return not re.search(
        r"postmaster|daemon|mail|bounce|exchange|admin", sender.address.partition("@")[0], re.IGNORECASE
    )


def _groups(report: Message) -> Iterator[Message]:
    """The groups of fields of a delivery status, one per recipient after the first."""
    payload = report.get_payload()
    decoded = _decoded(report, payload)
    if decoded:
        yield from _split_groups(decoded)
    elif isinstance(payload, list):
        yield from (part for part in payload if isinstance(part, Message))
        for part in payload:
            # Under the first group, where the parser takes a report for a mail of its own (RFC 6533's).
            if isinstance(part, Message) and isinstance(part.get_payload(), str):
                yield from _split_groups(str(part.get_payload()))
    else:
        yield from _split_groups(str(payload))


def _decoded(report: Message, payload: object) -> str:
    """What an encoded report says (RFC 6533, 3: one with other letters than ASCII's may be); empty for others."""
    encoding = header_text(report, "Content-Transfer-Encoding").strip().lower()
    if encoding not in {"base64", "quoted-printable"}:
        return ""
    parts = payload if isinstance(payload, list) else [payload]
    text = "\n".join(part.as_string() if isinstance(part, Message) else str(part) for part in parts)
    raw = text.encode("ascii", errors="ignore")
    try:
        content = base64.b64decode(raw) if encoding == "base64" else quopri.decodestring(raw)
    except binascii.Error:
        return ""
    said = content.decode("utf-8", errors="replace")
    return said if _STATUS_FIELD.search(said) else ""  # what only says that it is encoded is read as it stands


def _split_groups(text: str) -> Iterator[Message]:
    for block in re.split(r"\r?\n\s*\r?\n", text):
        if ":" in block:
            yield Parser().parsestr(block.strip() + "\n\n", headersonly=True)


def _action(group: Message) -> str:
    stated = header_text(group, "Action").split("(")[0].split(";")[0].strip().lower()
    if stated in {"failed", "delayed", "delivered", "relayed", "expanded"}:
        return stated
    status = re.match(r"\D*([245])\.\d", header_text(group, "Status"))
    if status and (raw_values(group, "Final-Recipient") or raw_values(group, "Original-Recipient")):
        return {"2": "delivered", "4": "delayed", "5": "failed"}[status[1]]
    return "failed" if stated.startswith("fail") else ""


def _recipient(group: Message, parts: Parts, text: str, message: Message) -> str:
    """The final recipient; the original one where it alone is who the returned message names."""
    final, original = _typed_address(group, "Final-Recipient"), _typed_address(group, "Original-Recipient")
    named = {box.address.lower() for inner in parts.returned for name in ("To", "Cc") for box in mailboxes(inner, name)}
    if original and original.lower() in named and final.lower() not in named:
        return original
    return (
        final or original or _typed_address(group, "X-Actual-Recipient") or _recipient_in(_before_copy(text), message)
    )


def _typed_address(group: Message, name: str) -> str:
    stated = header_text(group, name)
    address = stated.split(";", 1)[-1].strip().strip("<>").strip()
    return address if "@" in address else ""


def _recipient_in(text: str, message: Message) -> str:
    """The likeliest address in a report's prose: one that a line begins with, else the first that is not ours."""
    ours = {base_address(box.address) for name in ("To", "From", "Delivered-To") for box in mailboxes(message, name)}
    stated = [match[1] for match in _STATED_RECIPIENT.finditer(text)]
    listed = [*stated, *(match[1] for match in _LOCAL_ADDRESS.finditer(text))]
    alone = [match[1] for match in _ALONE.finditer(text)]
    anywhere = [match[0] for match in _ADDRESS.finditer(text)]
    for address in [*listed, *alone, *anywhere]:
        local = address.partition("@")[0].lower()
        if (
            base_address(address) not in ours
            and not _SERVER_ADDRESS.match(local)
            and not local.startswith("mailer-daemon")
        ):
            return address.rstrip(".")
    return next(iter([*listed, *alone]), "")


def _before_copy(text: str) -> str:
    said = text[:_LONGEST_PROSE]
    begins = _COPY_BEGINS.search(said)
    return said[: begins.start()] if begins and begins.start() > 40 else said


def _message_id(message: Message, parts: Parts, text: str) -> str:
    """The id of the message that the report is about: of the copy that comes back, be it in the text."""
    for inner in parts.returned:
        ident = first_id(inner, "Message-ID")
        if ident:
            return ident
    stated = _RETURNED_ID.search(text)
    if stated:
        return stated[1]
    answered = message_ids(message, "In-Reply-To") or message_ids(message, "References")
    return answered[-1] if answered else ""
