"""Signatures and footers, taken off only where they are surely that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from channels.mail.lines import Line, Mark, has_words

_DEVICE = (
    r"(?:my\s+|an?\s+|mein(?:em|er)\s+|mon\s+|ma\s+|mi\s+|mio\s+|meu\s+|minha\s+|mijn\s+|min\s+|mitt\s+|"
    r"moje(?:go|j|ho)\s+)?"
    r"(?:\w[\w.'’-]*\s+){0,4}(?:iphone|ipad|ipod|ios|mac|macbook|apple\s+watch|android(?:-\w+)?|samsung|"
    r"galaxy|xiaomi|redmi|huawei|honor|pixel|oneplus|oppo|"
    r"vivo|realme|nokia|lumia|motorola|moto|sony|xperia|htc|lg|blackberry|windows\s+phone|phone|"
    r"smartphone|handy|telefon|telefoon|téléphone|"
    r"mobile|mobil|mobiltelefon|m[oó]vil|celular|cellulare|telemóvel|tablet|device|gerät|outlook|mail|"
    r"email|e-mail|gmail|yahoo|yahoo\s+mail|aol|"
    r"gmx|web\.de|proton|proton\s+mail|protonmail|tutanota|tuta|spark|airmail|mailbird|thunderbird|zoho|"
    r"t-online|freenet|laposte|orange|sfr|libero|blue\s+mail|bluemail|"
    r"em\s+client|k-9\s+mail|fairemail|hey|superhuman|mailspring|windows|vodafone|verizon|at&t|t-mobile|sprint|o2)"
    r"(?:[\w\s.'’&+-]{0,40}(?:<[^<>]*>|\(?https?://\S+\)?)?)"
)
_SENT_FROM: Final = re.compile(
    r"^\W*(?:"
    rf"(?:sent|written|composed|typed|envoyé|gesendet|verschickt|gesendet\s+mit|enviado|enviada|inviato|"
    rf"enviat|verzonden|verstuurd|skickat|sendt|lähetetty|wysłan[eoa]|odesl[aá]no|odoslan[eéo]|küldve|"
    rf"elküldve|trimis|отправлено|надіслано|изпратено|poslano|poslato|išsiųsta|saadetud)"
    rf"\s+(?:from|via|with|using|on|by|by\s+my|von|vom|über|mit|aus|de|depuis|à\s+partir\s+de|avec|desde|"
    rf"con|do|da|dal|dalla|pelo|através\s+do|van|vanaf|vanuit|met|från|fra|med|ze?|iz|из|с|от|з|din|"
    rf"de\s+pe|lt)\s+{_DEVICE}"
    rf"|(?:von|vom)\s+{_DEVICE}\s+(?:gesendet|versendet|verschickt)"
    rf"|(?:diese\s+nachricht\s+wurde\s+von\s+{_DEVICE}\s+gesendet)"
    r"|(?:get|holen\s+sie\s+sich|obtenir|téléchargez|télécharger|obtener|obtén|scarica|ottieni|obter|"
    r"obtenha|baixe|download|hämta|hent|pobierz|stáhnout|скачать|загрузить|hanki)\s+(?:outlook|"
    r"yahoo\s+mail|bluemail|aol|gmail|spark|mail|la\s+app|l['’]app)\b.{0,60}"
    r"|(?:outlook)\s+(?:für|for|pour|para|per|voor)\s+(?:ios|android)(?:\s+(?:beziehen|herunterladen|"
    r"downloaden|ophalen|holen))?\W*(?:<[^<>]*>|\(?https?://\S+\)?)?"
    r"|iPhoneから送信|iPadから送信|私のiPhoneから送信|.{0,20}から送信(?:されました)?|"
    r"发自我的\s?\w.{0,30}|从我的\s?.{1,20}发送|發自我的\s?\w.{0,30}|從我的\s?.{1,20}傳送|"
    r"来自\s?\w.{0,20}手机.{0,10}|나의\s?iPhone에서\s?보냄|내\s?.{1,20}에서\s?보냄|.{1,20}에서\s?보냄"
    r"|iPhone['’]umdan gönderildi|iPad['’]imden gönderildi|.{1,30}\s(?:cihazımdan|"
    r"telefonumdan)\s+gönderildi|.{1,20}['’](?:d[ae]n|t[ae]n)\s+gönderildi|נשלח\s+מה.{1,20}|"
    r"أُ?رسلت\s+من\s+.{1,30}|أرسل\s+من\s+.{1,30}|تم الإرسال من\s+.{1,30}|được\s+gửi\s+từ\s+.{1,30}|"
    r"đã\s+gửi\s+từ\s+.{1,30}|dikirim\s+dari\s+.{1,30}|terkirim\s+dari\s+.{1,30}|ส่งจาก\s?.{1,30}|"
    r"στάλθηκε\s+από\s+(?:το|την)\s+.{1,30}"
    r")\W*$",
    re.IGNORECASE,
)
_LIST_FOOTER: Final = re.compile(r"mailing list|mailman|unsubscribe|list archive|google groups", re.IGNORECASE)
_UNDERSCORES: Final = re.compile(r"^_{20,}$")
_DELIMITER: Final = re.compile(r"^--$")
_SIGNATURE_LINES: Final = 14
_LEGAL: Final = re.compile(
    r"confidential|privileged|intended (?:only|solely|recipient)|named addressee|received (?:this|"
    r"it) (?:e-?mail |message |communication |transmission )?in error|unauthori[sz]ed|disclos|"
    r"delete (?:this|it|the)|notify (?:the sender|us)|virus|think before (?:you )?print|"
    r"consider the environment|registered (?:office|in england)|"
    r"vertraulich|bestimmungsgemäß|irrtümlich|unbefugt|nicht der (?:richtige|beabsichtigte|vorgesehene)|"
    r"vernichten|rechtlich geschützt|"
    r"confidentiel|destinataire|par erreur|strictement|détruire|confidencial|destinatari[oa]|por error|"
    r"por engano|prohibid|riservat|per errore|vertrouwelijk|geadresseerde|abusievelijk|"
    r"konfidentiell|avsedd|poufn|adresat|конфиденциальн|предназначен|ошибочно",
    re.IGNORECASE,
)
_LEGAL_AT_LEAST: Final = 3
_LEGAL_LETTERS: Final = 120


def without_signature(run: Sequence[Line]) -> list[Line]:
    """The lines of one piece of a customer's text without the signature under it."""
    kept = [line for line in run if line.mark is not Mark.SIGNATURE]
    kept = _without_list_footer(kept)
    kept = _without_delimited(kept)
    while True:
        shorter = _without_mobile_line(_without_legal(kept))
        if len(shorter) == len(kept):
            return shorter
        kept = shorter


def _without_delimited(lines: list[Line]) -> list[Line]:
    """What follows '-- ' (RFC 3676, 4.3), as mail programs write it, with the space or without."""
    for index, line in enumerate(lines):
        if _DELIMITER.match(line.text.strip()) and has_words(lines[:index]):
            rest = [later for later in lines[index + 1 :] if not later.blank]
            if len(rest) <= _SIGNATURE_LINES:
                return lines[:index]
    return lines


def _without_mobile_line(lines: list[Line]) -> list[Line]:
    end = _end(lines)
    if end and _SENT_FROM.match(lines[end - 1].text.strip()) and len(lines[end - 1].text) < 160:
        return lines[: end - 1]
    return lines


def _without_list_footer(lines: list[Line]) -> list[Line]:
    for index, line in enumerate(lines):
        if _UNDERSCORES.match(line.text.strip()):
            rest = [later.text for later in lines[index + 1 :] if not later.blank]
            if rest and len(rest) <= 6 and any(_LIST_FOOTER.search(text) for text in rest):
                return lines[:index]
    return lines


def _without_legal(lines: list[Line]) -> list[Line]:
    """A last paragraph that is a notice of confidentiality: long, and in at least three of their phrases."""
    end = _end(lines)
    start = end
    while start and not lines[start - 1].blank:
        start -= 1
    paragraph = " ".join(line.text for line in lines[start:end])
    phrases = {match[0].lower() for match in _LEGAL.finditer(paragraph)}
    if start and len(paragraph) >= _LEGAL_LETTERS and len(phrases) >= _LEGAL_AT_LEAST and "?" not in paragraph:
        return lines[:start]
    return lines


def _end(lines: Sequence[Line]) -> int:
    end = len(lines)
    while end and lines[end - 1].blank:
        end -= 1
    return end
