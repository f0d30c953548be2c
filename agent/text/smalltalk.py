"""What needs no article and no person: greetings, thanks, farewells, and what is not about the product at all.

A remark counts as small talk only when nothing else is left of it: 'hi, how do I export?' is a question.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from agent.text.words import content_words, words


class Remark(StrEnum):
    GREETING = "greeting"
    THANKS = "thanks"
    GOODBYE = "goodbye"
    ACKNOWLEDGED = "acknowledged"
    IDENTITY = "identity"
    """Whether this is a person or a machine."""
    SOLVED = "solved"


_PHRASES: dict[Remark, str] = {
    Remark.IDENTITY: (
        r"(are|r) (you|u) (a |an )?(real |actual |human |live )*(bot|robot|human|person|ai|machine|chatbot"
        r"|real)( or( a| an)? "
        r"(real |actual )?(bot|robot|human|person|ai|machine))?"
        r"|am i (talking|speaking|chatting) (to|with) (a |an )?(real |actual )?(bot|robot|human|person|ai|machine)"
        r"( or (a |an )?(real |actual )?(bot|robot|human|person|ai|machine))?"
        r"|(are|r) (you|u)( guys)? (still |currently )?(open|online|available|awake|around)( (right )?now| today)?"
        r"|(are|r) (you|u) (a |an |some |the )?(chat ?gpt|gpt|openai|claude|gemini|copilot|siri|alexa|llm"
        r"|language model)\w*|(is|am|was) (this|that|i|it) (talking to |chatting with |a |an |the )*"
        r"(real |actual )?(ai|bot|chat ?bot|robot|machine|human|chat ?gpt)( talking| answering| here)?"
        r"|who(m)? am i (talking|speaking|chatting|writing) (to|with)"
        r"|who (made|built|created|programmed|trained|wrote) (you|u)"
        r"|who are you|what are you|(what is|what's|whats) (your|ur) name|do (you|u) have a name"
        r"|what can (you|u) do( for me)?|how can (you|u) help( me)?"
    ),
    Remark.SOLVED: (
        r"(it|that|this|everything)('s| is| has)? ?(all )?(now )?(works?|worked|working|fixed|solved|resolved"
        r"|sorted)( it| now| again| perfectly| for me| out)*"
        r"|problem (is )?(solved|fixed|resolved)|(did|does) the trick|(that|this|it) "
        r"((did|fixed|solved|sorted) it|helped|helps)( a lot)?"
        r"|(that|this) (answers|solves|fixes|fixed|solved|answered) (it|my (question|problem|issue))"
        r"|(i )?figured it out|(all|everything)('s| is| was)? (good|fine|ok|okay|well)( again| now)?"
        r"|(you|u) (can|may) close (this|it|the (ticket|case|issue)|my (ticket|case|issue))( now)?"
    ),
    Remark.THANKS: (
        r"(many |huge |big )?thanks?( you)?( (so|very) much| a (lot|ton|bunch|million)| again| in advance"
        r"| for (your |the |all )?(quick |fast |great )*"
        r"(your )?(help|reply|response|answer|support|time|assistance|info|information|explaining|clarifying))*"
        r"|thx|thks|tks|ta|ty|tysm|tyvm|tnx|merci( beaucoup)?|(muchas )?gracias|danke( schon)?|vielen dank"
        r"|grazie( mille)?"
        r"|(muito )?obrigad[oa]|bedankt|tack|shukran|cheers"
        r"|much appreciated|(i )?(really )?appreciate (it|that|your help|the help)|(you('re"
        r"| are)|(u|you guys|u guys)( are| r)?|ur) (the best|amazing|awesome|great|a star|a lifesaver|rock)"
        r"|(that('s| is| was) )?(very |so |really |super )?(helpful|kind|perfect|great|awesome|amazing|brilliant"
        r"|excellent|fantastic|wonderful)"
        r"|(great|good|nice) (job|work|service|support|help)|well done|love it|keep it up"
    ),
    Remark.GOODBYE: (
        r"(good ?)?bye( bye)?|see (you|ya)( later| soon)?|have a (great|good|nice|lovely) (one|day|evening|weekend"
        r"|night|afternoon)"
        r"|take care|good ?night|(that('s| is| will be|'ll be)|thats) all( for now| i needed)?|talk (to you )?(later"
        r"|soon)"
        r"|you too|adios|au revoir|tschuss|arrivederci|tchau|(cu|ttyl|cya)"
    ),
    Remark.ACKNOWLEDGED: (
        r"(that('s| is)|thats) (fine|ok(ay)?|all ?right|enough|not necessary|not needed)( (by|for|with) me)?"
        r"|not necessary|no need|(i am |i'm |im )?sorry (for|about) (being (so |a bit |that )?(rude|harsh|impatient"
        r"|angry|grumpy|short)|shouting|swearing|(my|the) (tone|outburst|rudeness|confusion"
        r"|language|delay"
        r"|misunderstanding|mistake|noise))( before| earlier| just now)?|"
        r"ok(ay|ie)?|k|kk|got it|understood|i see|noted|sure|alright|all right|makes sense|will do|i('ll"
        r"| will) (try|do|check) (it|that|this)?( out| now)?"
        r"|let me (try|check|see|have a look)( (it|that|this))?( out)?|hm+"
        r"|(sorry,? )?(wrong (chat|number|window|person|group|channel)|(please )?(ignore|disregard) (that|this|it"
        r"|my (last |previous )?(message|mail|e-?mail)))|found it|np|no problem( at all)?|sorry( about that| for that)?"
        r"|yes|yep|yeah|no|nope|no worries|never ?mind|cool|fine|right|perfect|nice( one)?|lovely"
        r"|sounds good|(no )?(further|more"
        r"|other) questions|i understand|wow|lol|(ha){2,}h?|ah+|aha"
    ),
    Remark.GREETING: (
        r"hi+( there)?|hello+( there)?|hey+( there)?|hiya|howdy|greetings|(good )?(morning|afternoon|evening)|good day"
        r"|(what's|whats) up|sup|yo|gm|(are|r) (you|u) there|(you|u) there|guten (tag|morgen|abend)|hallo|servus"
        r"|bonjour|bonsoir|salut|hola|buen[oa]s (dias|tardes|noches)|ciao|buongiorno|buonasera|ola|bom dia|boa tarde"
        r"|hej|hei|sala+m|ass?ala?m ?[uo]? ?al[ae]y?ikum|namaste|merhaba|aloha"
        r"|(how are|how r) (you|u)( doing)?( today)?|(hope|i hope) (you('re| are)|this finds you"
        r"|all is) (doing )?well|dear"
        r"|is (anyone|anybody|someone) there|anyone there|test(ing)?( 1 2 3| 123)?|ping"
    ),
}
_COMPILED = [(remark, re.compile(rf"\b(?:{pattern})(?!\w)")) for remark, pattern in _PHRASES.items()]
_FILLER = re.compile(
    r"\b(team|support|all|everyone|everybody|guys|folks|friend|sir|madam|mate|buddy|man|dude|there|taskflow"
    r"|techcorp|so|and|oh|ah|well|then|now|"
    r"again|it|that|this|just|very|really|much|you|for|your|the|a|i|am|to|but|im|lot|today|back|please)\b"
)
_MAX_WORDS = 18

_OFF_TOPIC = re.compile(
    r"\b(weather|forecast|poems?|haiku|limerick|sonnet|jokes?|riddle|recipes?|cook(ing)?|horoscope|lottery|lyrics"
    r"|song|movie|film|"
    r"football|soccer|basketball|cricket|world cup|super ?bowl|olympics|election|president|prime minister"
    r"|politic\w*|bitcoin|crypto\w*|"
    r"stock (price|market|tip)s?|invest in|homework|essay|capital (city )?of|population of|square root"
    r"|translate .{0,60} (in)?to "
    r"(french|spanish|german|italian|chinese|japanese|arabic|urdu|hindi|portuguese)|meaning of life|tell me a (joke"
    r"|story|fact)|"
    r"(write|compose) (me )?(a|an|some) (poem|story|essay|song|letter|rap|novel|cover letter|python|java\w*|code"
    r"|program|script|function)|"
    r"(write|compose|improve|proofread|correct) (my|our|his|her) (cv|resume|essay|letter|thesis|speech|novel|homework)|"
    r"\d ?(%|percent|plus|minus|times|divided by|[x*+/]) ?(of )?\d|"
    r"who (won|invented|discovered|wrote|painted|is the (king|queen|president))|how (tall|old|far) is|girlfriend"
    r"|your favou?rite"
    r"|boyfriend|dating|"
    r"diagnos\w+|symptoms?|medicine|calories|workout|restaurants?|flights?|hotels?|dinosaurs?|planets?|bake|cake"
    r"|pizza)\b",
    re.IGNORECASE,
)
_ON_TOPIC = re.compile(
    r"\b(taskflow|techcorp|task|tasks|project|projects|board|boards|workspace|account|login|log in|sign in|password"
    r"|invoice|billing|plan|"
    r"team|member|members|integration|sync|notification\w*|app|export|import|dashboard|report|ticket|subscription"
    r"|automation|api|file|files|"
    r"attachment\w*|calendar|comment\w*|permission\w*|admin|slack|webhook\w*|timeline|template\w*|widget)\b",
    re.IGNORECASE,
)

_SOFTWARE = re.compile(
    r"\b(do you (have|support|offer|provide|plan|sell|integrate|work with|recommend)|have you (ever )?\w+(ed|lt|de)|"
    r"are you (\w{1,20} )?(certified|compliant|planning)|does it|is there (a|an|any)|"
    r"view|mode|theme|language|interface|chart|gantt|screen|button|menu|page|browser|phone|mobile|desktop|android"
    r"|ios|iphone|ipad|mac|windows|"
    r"linux|e-?mails?|link|download|upload|install|update|version|feature|setting|settings|option|error|crash\w*"
    r"|bug|data|backup|security|"
    r"google|outlook|microsoft|zapier|jira|trello|csv|pdf|excel|label|tag|tags|search|filter|shortcut|field|fields"
    r"|list|folder|user|users|role)\b",
    re.IGNORECASE,
)

_SUPPORT_NOISE = frozenset(
    """
    issue issues problem problems trouble question questions work works working worked support assistance stuck
    broken wrong error fix app application site website taskflow account product software system thing things stuff
    happen happening happened urgent asap quick quickly hope team dear good morning afternoon evening still keep
    keeps anything everything nothing super really suddenly today yesterday since lately currently constantly always
    never recently anymore always sometimes extremely totally completely slightly bit seem seems maybe perhaps
    actually already urgently matter idea ideas cant dont doesnt didnt isnt wont ive im pls plz omg lol btw argh ugh hmm
    ur thx everytime says said
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


def small_talk(text: str) -> Remark | None:
    """The kind of remark when the whole text is small talk, else None."""
    rest = " ".join(words(_without_accents(text)))
    if not rest:
        return Remark.ACKNOWLEDGED if text.strip() and _only_symbols(text) else None
    if len(rest.split()) > _MAX_WORDS or ("?" in text and _OFF_TOPIC.search(text)):
        return None
    found: Remark | None = None
    for remark, pattern in _COMPILED:
        shorter = pattern.sub(" ", rest)
        if shorter != rest and found is None:
            found = remark
        rest = shorter
    left = _FILLER.sub(" ", rest).split()
    return found if found is not None and not left else None


def is_off_topic(text: str) -> bool:
    """Whether a text asks for something that no support of this product is for."""
    return bool(_OFF_TOPIC.search(text)) and not _ON_TOPIC.search(text)


def is_about_software(text: str) -> bool:
    """Whether a text may be about the product: in its words, or as people ask what a product can do."""
    return bool(_ON_TOPIC.search(text) or _SOFTWARE.search(text))


def is_vague(text: str) -> bool:
    """Whether a text says that something is wrong without saying what."""
    return all(word in _SUPPORT_NOISE for word in content_words(text))


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _only_symbols(text: str) -> bool:
    """Emoji and punctuation: a thumbs-up, not a text in another script."""
    return not any(character.isalnum() for character in text) and "?" not in text
