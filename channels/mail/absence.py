"""Absence notes that no header and no subject gives away: every sentence of them says that somebody is not there.

What a person adds that is about anything else, or asks, makes the mail a person's. So a customer who writes from their
holiday is answered, and a machine is only where nothing is lost by silence.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 1_200
_SENTENCE_LONGEST: Final = 260
_GREETING_WORDS: Final = 8
_SIGNATURE_LINES: Final = 10
_GREETING: Final = re.compile(
    r"^(?:hello|hi|hey|dear|good (?:day|morning|afternoon)|greetings|to whom|hallo|guten|sehr geehrte|liebe|"
    r"moin|bonjour|"
    r"madame|cher|chère|hola|buen[oa]s?|estimad|olá|ola|bom dia|boa tarde|prezad|car[oia]\b|gentile|buongiorno|"
    r"buonasera|"
    r"salve|ciao|beste|geachte|dag\b|goede|hej|bästa|kære|kjære|hei|dzień|szanown|dobrý|vážen)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"^(?:(?:best|kind|warm|many)\b.{0,20}|regards|sincerely|yours.{0,15}|thanks?(?: you)?(?: and .{0,20})?|cheers|"
    r"mit (?:freundlichen|besten|lieben).{0,20}|(?:viele|beste|liebe|freundliche|schöne) grüße.{0,20}|mfg|lg|vg|"
    r"(?:bien )?cordialement.{0,20}|bien à vous|(?:un )?(?:cordial )?saludos?.{0,20}|atentamente|gracias|"
    r"(?:cordiali|distinti|cari) saluti.{0,20}|grazie|atenciosamente|(?:com os melhores )?cumprimentos.{0,15}|"
    r"obrigad[oa]|"
    r"(?:met )?(?:vriendelijke|hartelijke) groet.{0,15}|groeten.{0,10}|(?:med )?vänliga? hälsning.{0,10}|"
    r"(?:med )?venlig hilsen|vennlig hilsen|pozdrawiam|s pozdravem|--)[,.!]?$",
    re.IGNORECASE,
)
# Now, or from now on: who was away once writes about it.
_AWAY: Final = re.compile(
    r"\b(?:i am|i'm|i’m|i will be|i'll be|i’ll be|we are|we will be|our office is|the office is)\b.{0,60}"
    r"\b(?:out of (?:the |my )?(?:office|country)|away(?: from)?|on (?:\w+ )?(?:leave|vacation|holidays?)|"
    r"on a business trip|"
    r"travel(?:l)?ing|unavailable|closed|not (?:available|in the office))\b"
    r"|\bich (?:bin|werde|befinde mich)\b.{0,70}(?:nicht (?:im (?:büro|haus)|erreichbar|verfügbar|am arbeitsplatz)|"
    r"außer haus|abwesend|(?:im|in) (?:\w+ )?(?:urlaub|elternzeit|mutterschutz)|auf (?:dienst|geschäfts)reise)"
    r"|\bunser büro ist\b.{0,60}geschlossen"
    r"|\bje (?:suis|serai)\b.{0,60}\b(?:absente?|en (?:congés?|vacances|déplacement)|hors du bureau)\b"
    r"|\b(?:estoy|estaré|me encuentro|me encontraré)\b.{0,60}\b(?:fuera de (?:la )?oficina|de vacaciones|"
    r"ausente|de viaje)\b"
    r"|\b(?:estou|estarei|encontro-me|me encontro)\b.{0,60}\b(?:de férias|fora do escritório|ausente|em viagem)\b"
    r"|\b(?:sono|sarò|mi trovo)\b.{0,60}\b(?:in ferie|fuori (?:ufficio|sede)|assente|in viaggio)\b"
    r"|\bik ben\b.{0,60}\b(?:afwezig|niet aanwezig|op vakantie|met (?:verlof|vakantie)|buiten kantoor)\b"
    r"|\bjag är\b.{0,50}\b(?:inte på kontoret|på semester|ledig|bortrest|frånvarande|föräldraledig)\b"
    r"|\bjeg er\b.{0,50}\b(?:ikke på kontoret|på ferie|fraværende|på barsel)\b"
    r"|\b(?:jestem|będę)\b.{0,50}\b(?:poza biurem|na urlopie|nieobecn[ya])\b",
    re.IGNORECASE,
)
_BACK: Final = re.compile(
    r"\b(?:i(?:'ll|’ll| will| shall)|and will|will) (?:be (?:back|returning|available again)|return|respond|"
    r"reply|answer|get back|"
    r"read|check|be (?:checking|reading)|have (?:limited|no) access to (?:my )?(?:e-?mail|internet))|\b(?:upon|"
    r"on|after|when) my return\b|"
    r"\bi (?:return|am back)\b|\b(?:limited|no|intermittent) access to (?:my )?(?:e-?mails?|internet)\b|"
    r"\b(?:wieder (?:erreichbar|im büro|für sie da|verfügbar)|nach meiner rückkehr|e-?mails? (?:wird|werden) nicht|"
    r"nachrichten? (?:wird|werden) nicht|(?:keinen|eingeschränkt\w*) zugriff|nicht gelesen|"
    r"nicht weitergeleitet|(?:werde|kann) .{0,40}"
    r"(?:nicht (?:lesen|bearbeiten|beantworten)|antworten|beantworten|melden))"
    r"|\b(?:de retour|à mon retour|accès (?:limité|restreint))\b|\b(?:volveré|regresaré|regreso|"
    r"a mi (?:regreso|vuelta)|acceso limitado)\b"
    r"|\b(?:voltarei|regresso|retorno|no meu (?:regresso|retorno)|acesso limitado)\b"
    r"|\b(?:rientro|tornerò|risponderò|al mio ritorno|accesso limitato)\b"
    r"|\b(?:weer (?:aanwezig|bereikbaar)|terug op|bij terugkomst|na mijn terugkeer|(?:geen|beperkt\w*) toegang)\b"
    r"|\b(?:åter|tillbaka)\b.{0,30}\d|\btilbage\b.{0,30}\d|\bwracam\b|\bpo powrocie\b",
    re.IGNORECASE,
)
# Whom to ask meanwhile: never oneself, for "this is urgent, call me" is a customer's.
_ELSEWHERE: Final = re.compile(
    r"^(?!.*\b(?:me|mich|mir|moi|mij|mig|meg)\b)(?=.*\b(?:contact\w*|reach|call|e-?mail|write|wenden|"
    r"kontaktier\w*|erreichen|anrufen|adress\w*|"
    r"joindre|contacte[nr]?|p[oó]ngase|dir[ií]j\w+|contatt\w+|rivolg\w+|contate|entre em|neem|bellen|kontakta?|"
    r"kontaktuj\w*)\b)"
    r".*\b(?:urgent\w*|emergenc\w+|immediate (?:assistance|help|attention)|in my absence|meanwhile|dringend\w*|"
    r"eilig\w*|"
    r"in meiner abwesenheit|vertretung|urgences?|en mon absence|urgencias?|en mi ausencia|urgência|urgenz[ae]|"
    r"urgenti|"
    r"in mia assenza|spoed\w*|brådskande|haster|pilny\w*)\b",
    re.IGNORECASE,
)
_THANKS: Final = re.compile(
    r"^(?:thank(?:s| you)(?: very much| so much)? for (?:your|the) (?:e-?mail|message|mail|note|inquiry|contacting)|"
    r"(?:vielen |herzlichen )?dank für ihre (?:e-?mail|nachricht|anfrage|mail)|(?:je vous remercie|"
    r"merci) (?:de|pour) votre (?:message|"
    r"mail|courriel|e-?mail)|gracias por (?:su|tu) (?:mensaje|correo)|obrigad[oa] (?:pelo|pela) (?:seu|sua|teu|"
    r"tua)? ?(?:e-?mail|mensagem)|"
    r"grazie per (?:il (?:suo|tuo) messaggio|la (?:sua|tua) e-?mail|avermi)|(?:dank|bedankt) voor (?:uw|"
    r"je) (?:e-?mail|bericht|mail)|"
    r"tack för (?:ditt|ert) (?:mejl|mail|meddelande)|tak for din (?:mail|besked))|"
    r"^(?:this is an automat\w+|dies ist eine automatisch\w+|ceci est (?:une réponse|un message) automatique)",
    re.IGNORECASE,
)
# A question that asks nothing: what follows answers it. The contact is looked for in the rest of its paragraph.
_ASIDE: Final = re.compile(
    r"(?:^|(?<=[.!;:\n]))[ \n]{0,3}¿?[ ]?"
    r"(?!(?:how|where|what|why|when|which|can|could|wie|wo|was|wann|kann|können|comment|où|quand|pourquoi|cómo|dónde|come|"
    r"dove|como|onde|hoe|waar|hur|hvordan|jak|как|где)\b)(?:[^\W\d_][\w'’-]*\s+){0,3}?"
    r"(?:urgent\w*|emergenc\w+|immediate\w*|asap|important|in a hurry|need (?:\w+ )?(?:help|assistance)|questions|"
    r"dringend\w*|eilig\w*|eilt|wichtig|notf[aä]ll\w*|(?:brauchen|benötigen) sie (?:\w+ )?hilfe|fragen|"
    r"urgence|besoin d['’](?:une )?(?:aide|assistance)|urgencia|urgente|necesita (?:\w+ )?ayuda|urgência|"
    r"precisa de (?:\w+ )?ajuda|urgenza|"
    r"ha bisogno di (?:\w+ )?aiuto|bisogno di aiuto|spoed\w*|hulp nodig|haast|brådskande|"
    r"bråttom|haster\w*|piln\w+|spěchá|naléhav\w+|urgentn\w+|срочно\w*|терміново|acil|sürgős\w*|kiireelli\w+|kiire|緊急\w*|急ぎ\w*|紧急\w*|긴급\w*)"
    r"(?:\s+[\w'’-]+){0,3}\s*[?？](?=[^?？\n]{0,160}(?:\S@\S|://|www\.|\+?\d[\d\s()/-]{5,}|\b(?:contact\w*|reach|call|e-?mail|write|"
    r"wenden|kontaktier\w*|schreiben|rufen|anrufen|adress\w*|écri\w+|appel\w+|contacte[nrz]?\w*|escrib\w+|llam\w+|dir[ií]j\w+|"
    r"contatt\w+|scriv\w+|rivolg\w+|chiam\w+|contat\w+|escrev\w+|ligue|neem|bel\b|mail|kontakta?|ring\b|skriv|kontaktuj\w*|"
    r"pište|volejte|пишите|звоните|обращайтесь|arayın|yazın|hívja|írjon)\b))",
    re.IGNORECASE,
)
# What is so and yet otherwise is more than a note says.
_YET: Final = re.compile(r"\b(?:but|however|aber|jedoch|mais|pero|però|mas|maar|men|ale)\b", re.IGNORECASE)
_SENTENCE_ENDS: Final = re.compile(
    r"(?<=[^\W\d_][.!;])\s+(?=[A-ZÀ-ÞĄ-Ž])"
    # Not within '12. Mai'.
    r"|(?<=[)\d][.!])\s+(?!(?:Jan|Jän|Feb|März|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)[a-zä]{0,6}\b)(?=[A-ZÀ-ÞĄ-Ž][a-zà-ž])"
)


def reads_as_absence_note(text: str) -> bool:
    """Whether the new words of an answer are a machine's that says when somebody is back.

    It says that somebody is away, says also until when, or whom to ask meanwhile, or thanks for the mail, and says
    nothing else. A question is a person's, unless it is none ("Urgent? Write to …").
    """
    text = without_asides(text)
    if len(text) > _LONGEST or re.search(r"[?？]", text):
        return False
    sentences = body_sentences(text)
    if not 1 <= len(sentences) <= 8 or any(len(each) > _SENTENCE_LONGEST or _YET.search(each) for each in sentences):
        return False
    away = [each for each in sentences if _AWAY.search(each)]
    more = [each for each in sentences if _BACK.search(each) or _ELSEWHERE.search(each) or _THANKS.match(each)]
    return bool(away and more) and all(each in away or each in more for each in sentences)


def without_asides(text: str) -> str:
    """The text with no question mark behind "Urgent?" and its like, where the answer follows at once: whom to ask. A
    long text is no absence note and stays as it is."""
    if len(text) > _LONGEST:
        return text
    return _ASIDE.sub(lambda match: match[0][:-1].rstrip().replace("¿", "") + ":", text)


def body_sentences(text: str) -> list[str]:
    """Between the greeting and the closing; what follows the closing is the signature, where it is short."""
    lines = [line.strip() for line in text.splitlines()]
    for index, line in enumerate(lines):
        if index and _CLOSING.match(line) and sum(1 for later in lines[index:] if later) <= _SIGNATURE_LINES:
            lines = lines[:index]
            break
    while lines and not lines[0]:
        lines.pop(0)
    if lines and _GREETING.match(lines[0]) and len(lines[0].split()) <= _GREETING_WORDS and len(lines) > 1:
        lines.pop(0)
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    joined = [" ".join(paragraph.split()) for paragraph in paragraphs]
    sentences = [each.strip() for paragraph in joined for each in _SENTENCE_ENDS.split(paragraph) if each.strip()]
    # A name alone under the last paragraph, without a closing.
    if len(sentences) > 1 and len(sentences[-1].split()) <= 3 and sentences[-1][-1:].isalpha():
        sentences.pop()
    return sentences
