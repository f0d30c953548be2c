"""What no employee writes to a customer: insults, admissions of liability, requests for their secrets. Folded texts."""

from __future__ import annotations

import re

from agent.reply.guardrails.gates import Gate
from agent.reply.guardrails.vocabulary import concepts, is_neutral

_WORD = re.compile(r"[^\W_]+")
_ASKS_FOR_MORE = re.compile(r"\b(?:how|where|what|why)\b")
_ANSWERS_BRIEFLY = re.compile(r"^\W*(?:yes|no)\b|\d|>|\b(?:not|cannot)\b|n't\b")
_BRIEF_CHARS = 200
_RUN = 5
_MOST = 0.6
"""Of a reply's runs of so many words no more than this share may be the customer's own."""

_INSULTS = Gate.of(
    "idiot|stupid|moron|dumb|shut up|fuck|shit|bitch|bastard|asshole|damn|crap|loser|hate you|arsch|scheiss|dumm"
    "|connard|merde"
    "|imbecile|estupid|mierda|gilipoll|idiota|burro|merda|غبي|احمق",
    r"\b(?:idiots?|stupid|morons?|dumb|shut up|fuck\w*|shit\w*|bitch\w*|bastards?|assholes?|damn|crap|losers?"
    r"|(?:i )?hate you"
    r"|arschloch\w*|scheiss\w*|dumm|dummkopf|connards?|merde|imbeciles?|estupid[oa]s?|mierda|gilipollas|idiotas?"
    r"|merda)\b",
    "غبي|احمق",
)
_LIABILITY = Gate.of(
    "liab|responsib|fault|negligen|breach|haft|schuld|culpa|responsab",
    r"\bwe (?:\w+ )?(?:accept|admit|acknowledge|assume|take) (?:\w+ ){0,2}(?:liability|responsibility|fault"
    r"|negligence|breach)\b"
    r"|\bwe (?:are|were) (?:\w+ )?(?:liable|legally responsible|at fault|negligent|to blame)\b|\b(?:it is|this is"
    r"|was) our fault\b"
    r"|\bwir haften\b|\bunsere schuld\b|\bes culpa nuestra\b|\bc'est notre faute\b",
)
_SECRETS = Gate.of(
    "password|passwort|contrasena|senha|mot de passe|card number|cvv|pin|code|digits|token|كلمة",
    r"\b(?:send|tell|give|share|e-?mail|message|text|provide|reply with|write)(?: it| this| that)? (?:to )?(?:me"
    r"|us) (?:with )?"
    r"(?:your |the )?(?:\w+ ){0,3}(?:password|passphrase|pin|cvv|card number|(?:recovery|security|one-time"
    r"|verification|six-digit) "
    r"codes?|six digits|api token|token)\b"
    r"|\b(?:what is|confirm|reply with|i need) your (?:\w+ )?(?:password|pin|cvv|card number)\b"
    r"|\b(?:schicken|senden|nennen|teilen) sie (?:mir|uns) (?:\w+ ){0,3}(?:passwort|kennwort|pin)\b"
    r"|\b(?:envoyez|donnez|indiquez)[ -](?:moi|nous) (?:\w+ ){0,3}mot de passe\b"
    r"|\b(?:envieme|envienos|digame|diganos|mandeme) (?:\w+ ){0,3}contrasena\b|\b(?:envie|mande|diga)-?(?:me"
    r"|nos) (?:\w+ ){0,3}senha\b",
)


def misconduct(text: str) -> list[str]:
    """The words of a folded text that no employee writes."""
    return [said for gate in (_INSULTS, _LIABILITY, _SECRETS) for said in gate.find(text)]


def answers_nothing(said: str, asked: str) -> bool:
    """Whether a folded reply to a question for more than yes or no has no word, number or path of its own."""
    if len(said) > _BRIEF_CHARS or not _ASKS_FOR_MORE.search(asked) or _ANSWERS_BRIEFLY.search(said):
        return False
    spoken = concepts(said)
    return bool(spoken) and spoken <= concepts(asked)


def parroted(said: str, asked: str, known: str) -> str | None:
    """The beginning of a folded reply that is what the customer wrote, word for word; else None.

    A few words are, unless the articles have them too; `known` is what these say, folded.
    """
    spoken, heard = _WORD.findall(said), _WORD.findall(asked)
    if len(spoken) < _RUN:
        phrase = " ".join(spoken)
        says_something = any(not is_neutral(each) for each in concepts(said))
        repeated = says_something and f" {phrase} " in f" {' '.join(heard)} "
        return said if repeated and phrase not in " ".join(_WORD.findall(known)) else None
    runs = [tuple(spoken[start : start + _RUN]) for start in range(len(spoken) - _RUN + 1)]
    known_runs = {tuple(heard[start : start + _RUN]) for start in range(len(heard) - _RUN + 1)}
    shared = sum(run in known_runs for run in runs)
    return " ".join(spoken[: 2 * _RUN]) if shared > _MOST * len(runs) else None
