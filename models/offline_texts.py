"""What the offline model says of its own accord: for each case the full text and the brief one."""

from __future__ import annotations

from collections.abc import Mapping

from agent.text.smalltalk import Remark

SMALL_TALK: Mapping[Remark, tuple[str, str]] = {
    Remark.GREETING: (
        "What can I help you with in {product}?",
        "What can I help you with in {product}?",
    ),
    Remark.THANKS: ("You are welcome. I am glad that I could help.", "You're welcome, glad I could help!"),
    Remark.GOODBYE: (
        "Thank you for getting in touch. Have a good day.",
        "Thanks for getting in touch, have a good one!",
    ),
    Remark.ACKNOWLEDGED: (
        "Thank you for letting me know. If anything else comes up, simply write back.",
        "All right! Just write back if anything else comes up.",
    ),
    Remark.SOLVED: (
        "I am glad that it works now. If anything else comes up, simply write back.",
        "Glad it works now! Just write back if anything else comes up.",
    ),
    Remark.IDENTITY: (
        "I am the automatic assistant of {product} support: I answer questions from our help articles, "
        "and where I cannot help, a person takes over. What can I help you with?",
        "I'm {product}'s automatic assistant: I answer from our help articles, and a person takes over where I "
        "can't. What do you need?",
    ),
}
OFF_TOPIC = (
    "I can only help with questions about {product}, so I cannot help with this one. If there is something "
    "about {product} that you would like to know, please tell me.",
    "Sorry, I can only help with {product}. Is there something about {product} you'd like to know?",
)
_ENGLISH_ONLY = (
    "I am sorry, I can only read and answer English. Could you write to me in English? If that is difficult, simply "
    "write again, and a person will take over.",
    "Sorry, I only understand English. Could you write in English? If that's difficult, just write again and a person "
    "will take over.",
)
_OTHER_LANGUAGES: Mapping[str, str] = {
    "de": "Ich verstehe und beantworte leider nur Englisch. Könnten Sie auf Englisch schreiben? Wenn das schwierig "
    "ist, schreiben Sie einfach noch einmal; dann übernimmt ein Mensch.",
    "fr": "Je suis désolé, je ne lis et n'écris que l'anglais. Pourriez-vous écrire en anglais ? Si c'est difficile, "
    "écrivez simplement de nouveau, et une personne prendra le relais.",
    "es": "Lo siento, solo leo y escribo en inglés. ¿Podría escribir en inglés? Si le resulta difícil, escriba de "
    "nuevo y una persona se encargará.",
    "pt": "Lamento, só leio e escrevo em inglês. Poderia escrever em inglês? Se for difícil, escreva de novo e uma "
    "pessoa assume a conversa.",
    "ar": "عذرًا، لا أفهم ولا أكتب إلا الإنجليزية. هل يمكنك الكتابة بالإنجليزية؟ إذا كان ذلك صعبًا فاكتب مرة أخرى، "
    "وسيتولى شخص الأمر.",
}


def other_language(language: str | None) -> tuple[str, str]:
    """That only English is understood, in full and in brief: in the customer's language where we have it."""
    own = _OTHER_LANGUAGES.get(language or "")
    return (own, own) if own else _ENGLISH_ONLY


WHICH = (
    "I would like to help. Could you tell me a little more: what are you trying to do in {product}, what do you see "
    "instead, and on which device or browser?",
    "Happy to help! What are you trying to do in {product}, and what happens instead?",
)
WHICH_UPSET = (
    "I am sorry that {product} is giving you trouble. I would like to help: what were you doing, and what happened "
    "instead? If you see an error message, please tell me what it says.",
    "Sorry about that! I'd like to help: what were you doing in {product}, and what happened instead?",
)
NOT_HELPED = (
    "I am sorry that this has not solved it. Could you tell me which step you got to, and what you see on the "
    "screen at that point, an error message for example?",
    "Sorry that didn't do it! Which step did you get to, and what do you see there?",
)
NEAREST = (
    "I am not sure that our help articles answer this. The nearest that I found is “{title}”:\n\n{extract}\n\n"
    "If that is not what you need, tell me a little more about what you would like to do, or that you would like a "
    "person to look at it.",
    "Not sure our articles answer this. The nearest is “{title}”: {extract} If that's not it, tell me more, or ask "
    "for a person.",
)
UNKNOWN = (
    "I found nothing in our help articles that answers this. Could you tell me in other words what you would like to "
    "do in {product}? If you would like a person to look at it, please say so.",
    "I found nothing in our articles on this. Could you say in other words what you'd like to do in {product}? Or ask "
    "for a person.",
)
