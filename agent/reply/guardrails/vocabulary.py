"""Words that a statement may use although no passage does, and words that mean the same in one."""

from __future__ import annotations

from functools import lru_cache

from agent.text.words import STOPWORDS, stem, words

_NEUTRAL = """
able above according additionally afterwards aim allow answer anew appear applicable apply article assist available
back based beside best better bottom box bring button carry case certain check choice clear click come complete
concern confirm contact context correct course current currently description desired detail different difficult
directly display easy enjoy ensure enter enough exact example existing expect explain face far feature figure final
finally find fine first follow following forward free frequent full general glad good goes great guess guide hand
handle happen happy head hear help helpful here highlight hit hold hope icon idea immediate immediately important
include information instead instruction instruct interest just kind last later lead least leave left let level line
link little long longer look lot main manage manual matter mean meant mention menu message method mind moment name
navigate necessary need new next nice note normal notice number offer often open opens option order original page part
particular pick place please point position possible prefer present press previous problem process product prompt
proper provide purpose question quick reach read ready really reason receive recommend refer regard relevant remain
remember reply request require required respond response result return right say screen scroll second section see
select separate series set setting several show side similar simple simply single situation small sorry specific stage
start state step still straight successful suggest suit support sure tab tap talk tell thank thing think third time
tip together tool top toward trouble try type under understand unfortunately use useful usual various version view
visible wait want way welcome well whenever wherever whether whole wish word work workspace worry write yes account
automatic anything apologise apologize apologies inconvenience regret assistant subject unsure correctly per via
within without both also either neither each every afternoon day evening morning today luck pleasure weekend delighted
writing along alongside roughly approximately besides meanwhile previously otherwise thus hence go alternatively
earlier stay whatever whoever everything something continue depend likely typically since until another already one
ones saw seen gone went came wrote written told shown chosen found taken began took probably possibly perhaps maybe
presumably frequently commonly normally generally rarely seldom occasionally sometimes apparently obviously clearly
certainly definitely surely merely rather quite fairly pretty somewhat almost nearly practically essentially basically
actually indeed truly altogether entirely fully totally partly mostly mainly largely particularly especially namely
happen else exactly leftover ask pass whereas
somebody regardless early earliest soon soonest latest cause effect effective means sense gets
"""
_SAME = (
    "delete remove erase discard bin trash",
    "change edit modify update alter adjust refresh",
    "picture photo avatar image",
    "member user person people colleague teammate coworker everyone everybody staff",
    "create add make build author creator maker",
    "match met meet fulfil",
    "show display see view appear visible",
    "choose select pick click tap press hit",
    "begin start commence",
    "stop end finish cease cancel",
    "restore recover undelete retrieve",
    "enable activate turn switch",
    "disable deactivate",
    "email mail e-mail",
    "login signin sign log",
    "board project",
    "column list",
    "tag label",
    "card task todo ticket",
    "file document attachment",
    "limit maximum max cap unlimited limited restrict",
    "allow permit let may",
    "need require must",
    "invite invitation",
    "admin administrator",
    "mobile phone smartphone android iphone ios",
    "notification alert notify notified",
    "immediate immediately instantly once straightaway",
    "permanent permanently forever",
    "download export",
    "store keep kept save retain",
    "hide hidden conceal",
    "repeat recur recurring recurrence",
    "deadline due",
    "assign owner assignee responsible",
    "token key",
    "renew reconnect",
    "clear empty",
    "wrong incorrect",
    "separate apart own",
    "copy duplicate clone",
    "region location",
    "colour color",
    "guest external client",
    "plan tier subscription",
    "valid expire expires expiry",
    "reset change",
    "several many multiple",
    "larger bigger large big",
    "device phone computer",
    "period span duration",
    "join become",
    "offline connection internet",
    "every each all",
    "lose lost",
    "automatic automatically itself themselves",
    "hour hours",
    "month monthly",
    "week weekly",
    "day daily",
    "year yearly",
)


_IRREGULAR_FORMS = """
    made:make kept:keep sent:send took:take taken:take chose:choose chosen:choose wrote:write written:write
    found:find left:leave met:meet went:go gone:go shown:show seen:see saw:see told:tell said:say built:build
    paid:pay held:hold began:begin begun:begin ran:run gave:give given:give brought:bring bought:buy led:lead
    meant:mean lost:lose used:use came:come hid:hide hidden:hide broke:break broken:break drew:draw drawn:draw
    spent:spend stood:stand wore:wear grew:grow grown:grow fell:fall fallen:fall forgot:forget forgotten:forget
    froze:freeze frozen:freeze stole:steal stolen:steal thought:think taught:teach caught:catch felt:feel lent:lend
    won:win sold:sell spoke:speak spoken:speak
    """
_REGULAR = dict(pair.split(":") for pair in _IRREGULAR_FORMS.split())


def _canonical() -> dict[str, str]:
    found: dict[str, str] = {}
    for group in _SAME:
        first, *others = (stem(word) for word in group.split())
        for other in (first, *others):
            found.setdefault(other, first)
    return found


_CANONICAL = _canonical()


@lru_cache(maxsize=20_000)
def canonical(word: str) -> str:
    """A word's stem, or that of the first of its group: 'erases' and 'removing' meet."""
    plain = word.removesuffix("'s")
    base = stem(_REGULAR.get(plain, plain))
    return _CANONICAL.get(base, base)


_NEUTRAL_STEMS = frozenset(canonical(word) for word in _NEUTRAL.split())
NEUTRAL_WORDS = frozenset(_NEUTRAL.split()) | STOPWORDS


def is_neutral(concept: str) -> bool:
    """Whether a canonical stem says nothing of the matter: any writer explains with it."""
    return concept in _NEUTRAL_STEMS


def concepts(text: str) -> frozenset[str]:
    """The canonical stems of the content words; single letters and numbers among them do not count."""
    return frozenset(
        canonical(word)
        for word in words(text.replace("up to date", "update"))
        if word not in STOPWORDS and len(word) > 1 and not word[0].isdigit()
    )


COMMON = concepts("every each all day hour minute week month year time once")
"""What so much is said of that it makes two texts no more alike."""
