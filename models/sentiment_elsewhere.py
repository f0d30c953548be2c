"""Anger in other languages than English, by the words that are nothing else: the lexicon and the exemplars are English.

Patterns over a text in lower case without accents. What is also a word of the product ("lixo", the trash) is none.
"""

from __future__ import annotations

import re
import unicodedata

from agent.text.language import is_plainly_english

ANGRY_ELSEWHERE = -0.6
"""What such a text counts for."""
_READ_CHARS = 4_000

_ANGER = {
    "de": r"frechheit|unverschamt\w*|unfassbar|katastroph\w+|zumutung|inakzeptabel\w*|unterirdisch\w*|lacherlich"
    r"|(?:schlecht|mies)\w* (?:service|support|kundendienst|witz)|schei(?:ss|\xdf)\w*"
    r"|(?:so )?ein (?:mist|witz|saftladen)"
    r"|stinksauer|wutend|verarsch\w*|(?:nase|schnauze) voll|es reicht(?: mir)?(?: jetzt| langsam)|reicht mir"
    r"|nervt (?:nur noch|langsam|gewaltig|mich|total|so)|zum (?:kotzen|verzweifeln|haareraufen)|armselig\w*|unzumutbar",
    "fr": r"inadmissible|inacceptable|scandaleu[xs]e?|honteu[xs]e?|(?:quelle|une) honte|ras[- ]le[- ]bol|lamentable"
    r"|c.est (?:vraiment |trop |completement )?nul(?:le)?\b|nulle? a chier|pitoyable|merd(?:e|ique)"
    r"|en ai (?:marre|assez|plein)|n.importe quoi|catastroph\w+|furieu[xs]e?|exaspere\w*|ridicule"
    r"|moque[rz]? de (?:moi|nous|vos)|insupportable|degoute\w*",
    "es": r"inaceptable|verguenza|vergonzos[oa]|pesim[oa]|horrible|hart[oa]s? de|estoy hart[oa]|(?:un|que) desastre"
    r"|ridicul[oa]|mierda|furios[oa]|indignad[oa]|indignante|una burla|tomadura de pelo|ya basta"
    r"|(?:molest|enojad|decepcionad)[oa] con",
    "it": r"inaccettabile|vergogn\w+|pessim[oa]|(?:fa|uno) schifo|furios[oa]|(?:un|che) disastro|ridicol[oa]"
    r"|(?:sono|siamo) stuf[oai]|presa in giro|ne (?:posso|possiamo) piu|arrabbiat\w+|scandalos[oa]|delus[oai]",
    "pt": r"inaceitavel|(?:uma|que) vergonha|pessim[oa]|(?:um|que) absurdo|ridiculo|palhacada|estou fart[oa]|descaso"
    r"|cansad[oa] de (?:esperar|pedir|repetir|reclamar)|irritad[oa] com|decepcionad[oa] com|uma merda",
    "nl": r"onacceptabel|schandalig|belachelijk|waardeloos|(?:het|dit) (?:zo )?(?:zat|beu)|woedend|schande",
    "pl": r"skandal|beznadziej\w+|wkurz\w+|zenada|mam dosc",
}
_ANGRY = re.compile(rf"\b(?:{'|'.join(_ANGER.values())})\b")


def is_angry_elsewhere(text: str) -> bool:
    """Whether a text that is not plainly English has words of anger in another language."""
    said = text[:_READ_CHARS].lower()
    if is_plainly_english(said):
        return False
    plain = "".join(char for char in unicodedata.normalize("NFKD", said) if not unicodedata.combining(char))
    return bool(_ANGRY.search(plain))
