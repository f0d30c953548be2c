"""Which language a text is written in, as far as a few words tell.

By script, and among Latin letters by function words, which every sentence has and few languages share. What says too
little to tell has no language: 'ok' is everybody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from agent.text.words import STOPWORDS

_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST = 2
"""So many words of other languages make a text foreign, if they are more than the English ones."""
_SURE = 3
"""So many of a language's words, and twice as many as of the next one, make a text one of that language."""
_READ_CHARS = 4_000

# Without accents, and without what is an English word or an abbreviation too.
_FUNCTION_WORDS = {
    "es": """
        que los las una uno por para mis sus como puedo puede quiero tengo necesito donde cuando cuanto cual esta este
        esto hacer ayuda hola pero muy ser lo nos nosotros usted ustedes porque tambien desde
        """,
    "pt": """
        nao sim uma meu minha voce voces posso preciso quero tenho fazer ajuda pelo pela das na no em um os ao mais
        """,
    "fr": """
        je nous vous ils elle les une dans avec sont pas puis peux peut pourquoi mon mes
        votre notre nos leur cette cet ces qui quoi bonjour merci aide voudrais veux suis avez
        """,
    "it": """
        il lo gli della dello degli nel nella che non sono posso vorrei come dove quando mio mia nostra grazie
        """,
    "de": """
        ich du wir ihr sie der das ein eine einen mein meine unser unsere nicht kein keine und oder aber wie kann konnen
        fur auf von zu zum zur ist sind habe haben mochte bitte wo wann warum wird werden bei einem einer
        """,
    "nl": """
        ik je jij wij jullie het een mijn onze niet geen en maar waar wanneer voor naar zijn heb hebben
        """,
    "scandinavian": """
        jag vi det att och inte hur mina vart med for ar jeg ikke og hvordan hvor
        """,
    "pl": "nie jest jak czy moge moje nasz dla na sie chce prosze",
    "tr": "nasil bir ve icin nerede degil miyim misiniz benim bizim",
    "id": "saya bagaimana cara tidak untuk dengan yang bisa kami",
    "ur": "kya hai mera meri kaise nahi mujhe karna hain",
}
# What a short message is about has fewer function words than words of our trade: "cambio mi contrasena".
_TRADE_WORDS = {
    "es": """
        contrasena cuenta cuentas tarea tareas tablero tableros cambiar cambio correo factura facturas invitar borrar
        equipo archivo archivos aplicacion
        """,
    "pt": "senha conta contas tarefa tarefas quadro quadros mudar fatura convidar apagar equipe arquivo aplicativo",
    "fr": """
        compte comptes tache taches tableau tableaux facture factures equipe fichier fichiers supprimer partager
        telecharger
        """,
    "it": "bacheca bacheche attivita fattura fatture cambiare invitare eliminare condividere squadra",
    "de": """
        passwort kennwort konto aufgabe aufgaben rechnung rechnungen andern loschen einladen verschieben
        benachrichtigungen datei dateien
        """,
    "nl": "wachtwoord taak rekening factuur facturen wijzigen verwijderen uitnodigen bestand bestanden",
}
_WORDS = {
    language: frozenset(f"{text} {_TRADE_WORDS.get(language, '')}".split()) - STOPWORDS
    for language, text in _FUNCTION_WORDS.items()
}
_FOREIGN = frozenset().union(*_WORDS.values())
# More of a language's commonest words, to tell it from its neighbours; too close to English or to names for `_FOREIGN`.
_MORE_WORDS = {
    "es": "el la de del en un se es con su si al mi le te son hay no cambiar mas",
    "pt": "o a de do da que se com seu sua isso como para por ou ser esta mudar",
    "fr": "le la de des du et en un est il se que ne sur pour par au aux ou si",
    "it": "la di del un una in per con si da e al ho mi se le i",
    "de": "die es in mit den dem im an so sich auch als dann nur wenn mich mir",
    "nl": "de van in op is dat te met ook als hoe kan kunnen uw u wordt dan",
}
_TELLING = {language: known | frozenset(_MORE_WORDS.get(language, "").split()) for language, known in _WORDS.items()}
_TELLING["en"] = STOPWORDS
# 'a', 'no', 'me', 'in' and 'so' are words of many languages, as is every function word as short.
_ENGLISH_ALONE = frozenset(word for word in STOPWORDS if len(word) > 2) - frozenset(
    "all also come done her know most one was will were".split()  # noqa: SIM905 - a list of words reads best as words
)
_TOLD_BY: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, known in _TELLING.items() if word in known)
    for word in frozenset().union(*_TELLING.values())
}
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff\uff66-\uff9f]")),
    ("ko", re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ru", re.compile("[\u0400-\u052f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
"""A script stands for its most written language: no more is told of them here, and none of it is Latin."""


def is_english(text: str) -> bool:
    """Whether English is at least as likely as any other language; what says too little to tell counts as English."""
    words = _words(text)
    return not _is_of_another_script(words) and _may_be_english(words)


def is_plainly_english(text: str) -> bool:
    """Whether a text has English function words that no neighbour shares, and no more of any other language."""
    words = _words(text)
    english = sum(word in _ENGLISH_ALONE for word in words)
    return english >= _LEAST and sum(word in _FOREIGN for word in words) <= english


def language_of(text: str) -> str | None:
    """The language as an ISO 639-1 code ('scandinavian' for any of these three), None where a text says too little.

    Surer than `is_english`: an English quotation in a German mail makes it neither. Reads the first 4,000 characters.
    """
    read = text[:_READ_CHARS]
    words = _words(read)
    if _is_of_another_script(words):
        counts = {language: len(pattern.findall(read)) for language, pattern in _SCRIPTS}
        best = max(counts, key=lambda language: counts[language])
        # Japanese is written with Chinese characters too.
        return "ja" if best == "zh" and counts["ja"] else best if counts[best] else None
    scores = Counter(language for word in words for language in _TOLD_BY.get(word, ()))
    ranked = [*scores.most_common(2), ("", 0), ("", 0)]
    (best, most), (_, next_most) = ranked[:2]
    if best != "en" and _may_be_english(words):
        return None
    return best if most >= _SURE and most >= 2 * next_most else None


def _may_be_english(words: list[str]) -> bool:
    foreign = sum(word in _FOREIGN for word in words)
    return foreign < _LEAST or foreign <= sum(word in STOPWORDS for word in words)


def _is_of_another_script(words: list[str]) -> bool:
    letters = "".join(words)
    return not letters.isascii() and sum(letter.isascii() for letter in letters) * 2 < len(letters)


def _words(text: str) -> list[str]:
    """In lower case and without accents."""
    lowered = text.lower()
    if lowered.isascii():
        return _LETTERS.findall(lowered)
    return [_plain(word) for word in _LETTERS.findall(lowered)]


def _plain(word: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
