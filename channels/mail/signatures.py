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
    r"|(?:lähetetty|saadetud|nosūtīts|išsiųsta|elküldve|küldve|odesl[aá]no|odoslané|poslano|trimis)\s+"
    r"(?:minu\s+|no\s+mana\s+|iš\s+mano\s+|az?\s+|z\s+(?:m[eé]ho\s+|mojega\s+)?|"
    r"s\s+mog\s+|sa\s+mog\s+|de\s+pe\s+)?"
    r"[„\"]?(?:iphon|ipad|android|samsung|huawei|xiaomi)[\w'’“”-]*(?:\s+[\w-]{1,20}){0,3}"
    r"|(?:az?\s+)?(?:iphone|ipad|android)[\w'’-]*\s+küldve|मेरे\s+.{1,20}\s+से\s+भेजा\s+गया"
    r"|dihantar\s+dari\s+.{1,30}|enviat\s+des\s+del\s+meu\s+.{1,20}"
    r"|iPhone['’]umdan gönderildi|iPad['’]imden gönderildi|.{1,30}\s(?:cihazımdan|"
    r"telefonumdan)\s+gönderildi|.{1,20}['’](?:d[ae]n|t[ae]n)\s+gönderildi|נשלח\s+מה.{1,20}|"
    r"أُ?رسلت\s+من\s+.{1,30}|أرسل\s+من\s+.{1,30}|تم الإرسال من\s+.{1,30}|được\s+gửi\s+từ\s+.{1,30}|"
    r"đã\s+gửi\s+từ\s+.{1,30}|dikirim\s+dari\s+.{1,30}|terkirim\s+dari\s+.{1,30}|ส่งจาก\s?.{1,30}|"
    r"στάλθηκε\s+από\s+(?:το|την)\s+.{1,30}"
    r")\W*$",
    re.IGNORECASE,
)
_SENT_FROM_SOMETHING: Final = re.compile(
    r"^\W{0,2}(?:sent|written|typed|composed) (?:from|via|with|using) \[?[\w.'’+&-]+\]?(?: \[?[\w.'’+&-]+\]?){0,5} ?"
    r"(?:<[^<>]*>|\(https?://[^()\s]*\)|https?://\S+)?(?:[,.]\s*(?:please )?excuse .{0,40})?\W{0,3}$",
    re.IGNORECASE,
)
_IN_A_SENTENCE: Final = re.compile(
    r"\b(?:is|are|was|were|am|be|been|has|have|had|do|does|did|can|could|will|would|should|it|they|we|you|your|our|me|this|"
    r"that|these|those|to|and|or|but|when|because|if|then|than|not|account|address|support|team|office|email|mail)\b",
    re.IGNORECASE,
)
_LIST_FOOTER: Final = re.compile(r"mailing list|mailman/|google groups", re.IGNORECASE)
_UNDERSCORES: Final = re.compile(r"^_{2,}$")
_SEPARATOR: Final = re.compile(r"^(?:[-_=*~#+·•–—─━]{2,}|[ᐧ·•])$")
_SCANNED: Final = re.compile(
    r"^\W*(?:(?:this|the) (?:e-?mail|message)(?: and any attachments?)? (?:has been|was) (?:scanned|checked)|"
    r"(?:diese e-mail|diese nachricht) wurde (?:von|auf viren)|scanned by|virus-free\b|virenfrei\b|"
    r"(?:please )?(?:consider the environment|think (?:(?:of|about) the environment )?before)\b.{0,40}\bprint|"
    r"(?:bitte )?denken sie an die umwelt\b.{0,40}\b(?:aus)?drucken|"
    r"(?:pensez|merci de penser) à l['’]environnement\b.{0,40}\bimprimer|"
    r"antes de imprimir este (?:correo|mensaje|e-?mail)|"
    r"l['’]absence de virus dans ce courrier|questa e-mail è stata controllata|este (?:correo|mensaje) .{0,40}virus)",
    re.IGNORECASE,
)
_LEGAL_HEADING: Final = re.compile(
    r"^\W*(?:disclaimer|(?:confidentiality|legal|privacy) (?:notice|note|statement)|haftungsausschluss|"
    r"vertraulichkeitshinweis|avis de confidentialité|aviso (?:legal|de confidencialidad))\W*$",
    re.IGNORECASE,
)
_BANNER: Final = re.compile(
    r"^\W*(?:(?:caution|warning|external|attention|\[?external(?: e-?mail)?\]?|achtung|vorsicht)\W+)?.{0,80}"
    r"(?:originated (?:from )?outside|external (?:sender|e-?mail)|"
    r"outside (?:of )?(?:the|your|our|this) (?:organi[sz]ation|company)|"
    r"kommt von (?:au(?:ß|ss)erhalb|extern)|expéditeur externe|remitente externo)",
    re.IGNORECASE,
)
_DELIMITER: Final = re.compile(r"^--$")
_SIGNATURE_LINES: Final = 14
_BARE_SIGNATURE_LINES: Final = 8
_SIGNATURE_LONGEST_LINE: Final = 300
_SENTENCE_WORDS, _UNENDED_WORDS = 4, 7
_UNSPACED_SPEAKING: Final = 16
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_ADDRESS_OR_NUMBER: Final = re.compile(r"\S{0,100}(?:@|://|www\.)\S*|\+?\d[\d\s()/.-]{4,}")
_ASKS: Final = re.compile(r"[?？؟。！]")
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
_SENT_FROM_LONGEST: Final = 160
_LEGAL_AT_LEAST: Final = 3
_LEGAL_LETTERS: Final = 120
_LEGAL_LONGEST: Final = 5_000


def without_signature(run: Sequence[Line], *, alone: bool = True) -> list[Line]:
    """The lines of one piece of a customer's text without the signature under it, which may be all of it unless the
    piece stands `alone`."""
    kept = _without_banner([line for line in run if line.mark is not Mark.SIGNATURE])
    kept = _without_list_footer(kept)
    kept = _without_delimited(kept, alone=alone)
    while True:
        shorter = _without_last_line(_without_legal(kept))
        if len(shorter) == len(kept):
            return _without_delimited(shorter, alone=alone)
        kept = shorter


def _without_delimited(lines: list[Line], *, alone: bool) -> list[Line]:
    """What follows '-- ' (RFC 3676, 4.3). Without the space, as some programs leave it, the line may as well divide the
    customer's own text: then only what reads as a signature is one, under the only such line."""
    for index in _last_delimiters(lines):
        if alone and not has_words(lines[:index]):
            continue
        if lines[index].mark is Mark.DELIMITER or _reads_as_signature(lines, index):
            return lines[:index]
    return lines


def _last_delimiters(lines: Sequence[Line]) -> list[int]:
    """The delimiters that few enough lines follow, in order."""
    found: list[int] = []
    follow = 0
    for index in range(len(lines) - 1, -1, -1):
        if follow > _SIGNATURE_LINES:
            break
        if _is_delimiter(lines[index]):
            found.insert(0, index)
        follow += not lines[index].blank
    return found


def _is_delimiter(line: Line) -> bool:
    return line.mark is Mark.DELIMITER or bool(_DELIMITER.match(line.text.strip()))


def _reads_as_signature(lines: Sequence[Line], index: int) -> bool:
    rest = [line.text for line in lines[index + 1 :] if not line.blank and not _is_delimiter(line)]
    divides = any(_is_delimiter(line) and line.mark is not Mark.DELIMITER for line in lines[:index]) or any(
        _is_delimiter(lines[place]) and has_words(lines[place + 1 :]) for place in range(index + 1, len(lines))
    )
    return not divides and len(rest) <= _BARE_SIGNATURE_LINES and not any(_speaks(text) for text in rest)


def _speaks(text: str) -> bool:
    """Whether a line is more than names, titles and addresses: it asks, ends as a sentence does, or is long and most of
    its words are small."""
    if len(text) > _SIGNATURE_LONGEST_LINE:
        return True
    if _SENT_FROM.match(text):
        return False
    text = _ADDRESS_OR_NUMBER.sub(" ", text).rstrip()
    words = _WORD.findall(text)
    if _ASKS.search(text) or any(len(word) >= _UNSPACED_SPEAKING and word.upper() == word.lower() for word in words):
        return True
    if text.endswith((".", "!", "…")):
        return len(words) >= _SENTENCE_WORDS
    return len(words) >= _UNENDED_WORDS and 2 * sum(1 for word in words if not word[0].isupper()) >= len(words)


def _without_last_line(lines: list[Line]) -> list[Line]:
    """What a device adds, and rules that nothing stands under any more."""
    end = _end(lines)
    text = lines[end - 1].text.strip() if end else ""
    if end > 1 and _SEPARATOR.match(text):
        return lines[: end - 1]
    if not text or len(text) > _SENT_FROM_LONGEST:
        return lines
    something = _SENT_FROM_SOMETHING.match(text) and not _IN_A_SENTENCE.search(text)
    apart = end < 2 or lines[end - 2].blank or _SENT_FROM.match(lines[end - 2].text.strip())
    return lines[: end - 1] if _SENT_FROM.match(text) or (something and apart) else lines


def _without_banner(lines: list[Line]) -> list[Line]:
    """The warning that a mail server puts over mail from outside: the first paragraph, where more follows."""
    start = next((index for index, line in enumerate(lines) if not line.blank), 0)
    end = start
    while end < len(lines) and not lines[end].blank:
        end += 1
    paragraph = " ".join(line.text for line in lines[start:end])
    if len(paragraph) < 500 and _BANNER.match(paragraph) and has_words(lines[end:]):
        return lines[end:]
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
    if len(paragraph) > _LEGAL_LONGEST:
        return lines
    phrases = {match[0].lower() for match in _LEGAL.finditer(paragraph)}
    legal = len(paragraph) >= _LEGAL_LETTERS and len(phrases) >= _LEGAL_AT_LEAST and "?" not in paragraph
    if has_words(lines[:start]) and (legal or _SCANNED.match(paragraph) or _LEGAL_HEADING.match(paragraph)):
        return lines[:start]
    return lines


def _end(lines: Sequence[Line]) -> int:
    end = len(lines)
    while end and lines[end - 1].blank:
        end -= 1
    return end
