"""Whether a text is written in English, which is what the articles and the rules are written in.

By function words, which every sentence has and few languages share; a text of another script is not English. What says
too little to tell counts as English: 'ok' is everybody's.
"""

from __future__ import annotations

import re
import unicodedata

from agent.text.words import STOPWORDS

_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST = 2
"""So many words of other languages make a text foreign, if they are more than the English ones."""

# Spanish, Portuguese, French, Italian, German, Dutch, the Scandinavian languages, Polish, Turkish, Indonesian and Urdu
# in Latin letters; without accents, and without what is an English word or an abbreviation too.
_FOREIGN = (
    frozenset(
        """
        que los las una uno por para mis sus como puedo puede quiero tengo necesito donde cuando cuanto cual esta este
        esto hacer ayuda hola pero muy ser lo nos nosotros usted ustedes porque tambien desde
        nao sim uma meu minha voce voces posso preciso quero tenho fazer ajuda pelo pela das na no em um os ao mais
        je nous vous ils elle les une dans avec sont pas puis peux peut pourquoi mon mes
        votre notre nos leur cette cet ces qui quoi bonjour merci aide voudrais veux suis avez
        il lo gli della dello degli nel nella che non sono posso vorrei come dove quando mio mia nostra grazie
        ich du wir ihr sie der das ein eine einen mein meine unser unsere nicht kein keine und oder aber wie kann konnen
        fur auf von zu zum zur ist sind habe haben mochte bitte wo wann warum wird werden bei einem einer
        ik je jij wij jullie het een mijn onze niet geen en maar waar wanneer voor naar zijn heb hebben
        jag vi det att och inte hur mina vart med for ar jeg ikke og hvordan hvor
        nie jest jak czy moge moje nasz dla na sie chce prosze
        nasil bir ve icin nerede degil miyim misiniz benim bizim
        saya bagaimana cara tidak untuk dengan yang bisa kami
        kya hai mera meri kaise nahi mujhe karna hain
        """.split()  # noqa: SIM905 - a list of words reads best as words
    )
    - STOPWORDS
)


def is_english(text: str) -> bool:
    """Whether English is at least as likely as any other language."""
    words = [_plain(match.group()) for match in _LETTERS.finditer(text)]
    letters = "".join(words)
    if letters and sum(letter.isascii() for letter in letters) * 2 < len(letters):
        return False
    foreign = sum(word in _FOREIGN for word in words)
    return foreign < _LEAST or foreign <= sum(word in STOPWORDS for word in words)


def _plain(word: str) -> str:
    """In lower case and without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(char))
