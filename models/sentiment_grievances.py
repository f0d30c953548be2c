"""What makes people angry without a strong word: asking again and again, waiting, broken promises, being sent away.

Each is a way in which support fails somebody, and not a list of what was once written; "waiting", "again" or a span of
time alone are none of them, for a task waits and repeats too.
"""

from __future__ import annotations

_NUMBER = r"(?:\d+|an?|two|three|four|five|six|seven|eight|nine|ten|twelve|several|many|a few|a couple of|half an?)"
_SPAN = rf"{_NUMBER} (?:whole |full |long |entire )?(?:minutes|hours?|days?|weeks?|months?|years?)"
_TELLS = r"(?:ask|tell|explain|describe|report|repeat|write|say|send|point out|beg|chase|remind)"
_TOLD = r"(?:asked|told|explained|described|reported|repeated|written|wrote|said|sent|tried|done|followed|answered)"
_IT = r"(?:you|this|that|it|these|everything|all (?:of (?:this|that)|that)|your|the (?:steps|instructions|same))"

REPEATING = (
    # "for the second time", where what comes second is no thing that has a name.
    r"\b(?:second|2nd|umpteenth|hundredth) time (?:(?:that )?(?:i|we|you)\b|already|running|now|in a row|today"
    r"|this (?:week|month|year))",
    r"\bfor the (?:second|third|fourth|fifth|sixth|tenth|umpteenth|\d+(?:nd|rd|th)) time[.!]*$",
    rf"\bhow (?:often|many times) (?:must|do|should|have|did) (?:i|we)\b.{{0,20}}\b(?:{_TELLS}|{_TOLD})\b",
    r"\bhow many more (?:times|weeks|days|months|messages|mails|e-mails|tickets|people|customers|users|teams)"
    r"\b.{0,20}\b(?:must|have to|has to|need to|needs to|do|does|will it|before|until)\b",
    r"\b(?:do|must) (?:i|we) (?:really |seriously |first )?(?:have to |need to )?(?:beg|come to your|drive to|fly to"
    r"|scream|shout|go to the press|write a (?:bad )?review)\b",
    rf"\b(?:i|we) (?:really )?should(?:n't| not) have to {_TELLS}\b",
    rf"\b(?:i|we)(?:'ve| have|'d| had)? (?:now |already )*{_TOLD} (?:to )?{_IT}\b.{{0,40}}\b(?:twice"
    r"|(?:two|three|four|five|several|many|\d+) times)\b",
    r"\bback (?:where (?:i|we) (?:began|started|were)|to square one)\b",
    r"\b(?:same|identical) (?:\w+ )?(?:as|like) (?:last|yesterday|before|always|the (?:last|week|month|day|time))\b",
    r"\b(?:and )?again[,:!.]? the (?:very |exact )?same\b|\bthe (?:very |exact )?same \w+[,.!]? (?:and )?again\b",
    r"\b(?:every|each)\.? single\.? (?:time|day|morning|evening|week|month|update|release|save|click)\b",
    r"\bevery (?:\w+ )?(?:update|release|fix|version|click|save) (?:\w+ )?(?:breaks|broke|fails|kills|ruins|loses"
    r"|takes (?:ages|forever|minutes))\b(?:.{0,30}\bworked\b)?",
    r"\banother \w+,? (?:and )?another \w+\b",
    r"\b(?:me|i'm|i am) (?:always )?(?:the one )?who (?:has|have) to (?:find|notice|report|tell|discover)\b",
)
WAITING = (
    rf"\b(?:after|for|in) (?:\w+ ){{0,2}}{_SPAN}\b.{{0,40}}\b(?:nothing|nobody|silence|without (?:an?|any)"
    rf"|not (?:an?|one))\b",
    rf"\bnothing (?:at all |whatsoever )?(?:after|for|in) (?:\w+ ){{0,2}}{_SPAN}\b",
    rf"\b{_SPAN} (?:now|already|later|gone|on)[,.]? (?:and )?(?:still|not|no|nothing|nobody|zero|without)\b",
    r"\bnot (?:so much as |even )?(?:an?|one)(?: single)? (?:word|answer|reply|response|receipt|acknowledge?ment|sign"
    r"|line|call|reaction)\b",
    r"\b(?:nobody|no one|none of you) (?:has |had |have |ever |even |bothered to )*(?:come|came|got|gotten|gets?|rung"
    r"|called|written|looked|acknowledged|reacted)\b(?! (?:an?|any|the) (?:mail|notification|e-mail|invitation))",
    r"\b(?:zero|no) (?:progress(?! (?:bar|field|view|column|report|is\b))|movement|sign of life|result so far)\b",
    r"(?:\b(?:hoped|hoping|expected|thought) .{0,30})?\bat least (?:acknowledge|answer|reply|react|look at)\b",
)
PROMISES = (
    r"\byou (?:had |have |'ve |guys |people |all )*(?:promised|assured|swore)\b",
    r"\b(?:keep|kept|keeps) (?:being told|telling (?:me|us)|promising|hearing)\b|^so much for\b",
    r"\bwhen is (?:\"?soon\"?|it)\b.{0,3}$",
)
ASKING_IN_ANGER = (
    r"\bis (?:this|that) (?:really |honestly |seriously )?(?:some kind of|(?:supposed|meant) to be"
    r"(?! (?:used|shown|set|read|done|filled|seen|entered))|(?:really )?the best"
    r" you|your idea of)\b",
    r"\b(?:that|this)(?:'s| is| was) (?:it|all|(?:the|your) (?:answer|solution|help|fix))\?",
    r"\b(?:do|did|does|have) (?:you|anybody|anyone|any of you|they|you people|you guys) (?:even|actually"
    r"|ever) (?:use|read"
    r"|test|tested|care|look|listen|check|try|tried|work|think|bother)\w*\b",
    r"\b(?:does|do|did|has) (?:anybody|anyone|somebody|any of you) (?:over there|there|at your \w+|in your \w+)\b",
    r"\bwhat (?:do|are) you (?:people |guys |all |lot |actually )?(?:do|doing) (?:all day|over there)\b",
    r"\bwhy (?:do|am|are|should|must) (?:i|we) (?:even |still |always |the one )*(?:doing|do|pay|paying|testing|test)"
    r" (?:your|for (?:this|that|it|you)|you)\b",
    r"\bso (?:i|we) pay\b|\b(?:why|what) (?:i|we|my \w+|our \w+) (?:even |still )?pays? (?:you|for)\b",
    r"\bis there any (?:chance|hope|way) (?:that )?(?:an? (?:human|person)|somebody|someone|anybody|anyone|one of you)"
    r" (?:actually |ever |there |will |would )*(?:reads?|looks?|answers?|listens?|cares?)\b",
    r"\b(?:before|until) (?:someone|somebody|anyone|anybody|one of you) (?:there |finally |actually "
    r"|ever )*(?:looks?|acts?"
    r"|reacts?|reads?|listens?|cares?|bothers?|moves?)\b",
)
SENT_AWAY = (
    r"\b(?:stop|stopped|quit|keep|kept|keeps) (?:on )?closing (?:my|our|this|the)\b|\bclosed again\b",
    r"\byou(?:'ve| have)? closed (?:my|our|this|the|it)\b",
    r"\bnothing to do with (?:my|our|what (?:i|we)) (?:question|problem|issue|message|mail|ticket|asked|wrote|said)\b",
    r"\b(?:questions?|thing|something) (?:that )?(?:i|we) (?:did not|didn't|never|haven't) asked?\b",
    r"\bnot what (?:i|we) (?:asked|meant|wrote|said|call|would call)\b|\bnot what (?:i|we)'d call\b",
    r"\bif you (?:had |would |'d )?(?:only |just |actually |even |ever )*read (?:what|my|the|it)\b",
    r"\ball (?:that )?(?:you|i|we) (?:can |could |ever )*(?:do|did|gets?|got|sends?|sent|gives?|gave|offer|receives?"
    r"|received|hear|heard)(?: from you| to?)?(?: me| us)? (?:is|was|are)\b",
    r"\b(?:no|not|don't want|want no|enough|another|more) (?:\w+ )?(?:excuses?|apolog(?:y|ies))\b(?! to)",
    r"\byou (?:people |guys |lot )?(?:never|don't|do not|will never) (?:ever )?learn\b",
)
COSTING = (
    r"\bbetter things to do\b",
    r"\b(?:wast(?:ed|ing)|(?:spent|lost) (?:all|half)) (?:of )?(?:my|our|the|an?|this) (?:\w+ ){0,2}(?:\w+day"
    r"|days?|time"
    r"|evening|weekend|mornings?|afternoon|night|holidays?)\b",
    r"\b(?:lost|losing) (?:an?|the|our|my|another|one|two|three|\d+) (?:\w+ )?(?:client|customer|contract|deal|order"
    r"|sale|tender)s?\b.{0,30}\b(?:over|because|due to|thanks to|through|with) (?:this|that|it|of|you|your)\b",
    r"\bcosts? (?:me|us) (?:an?|the|my|our|another) (?:\w+ )?(?:client|customer|contract|deal|job|day|fortune|sale)\b",
    r"\blook(?:ed|s|ing)? like (?:an? |complete |total |utter |such )*(?:fools?|amateurs?|idiots?|clowns?"
    r"|beginners?)\b",
    r"\b(?:sitting|sits?|sat|standing|stood|been) (?:idle|around)\b.{0,30}\b(?:because|since|thanks to|due to)\b",
    r"\b(?:stay(?:ed|ing)|(?:was|were|been)) up (?:until|till|all|half)\b",
    r"\b(?:my|our|the) (?:\w+ )?(?:people|teams?|customers?|clients?|users|staff|boss) (?:are|is) (?:all "
    r"|going |getting )*"
    r"(?:nuts|mad|crazy|furious|angry|fed up|livid|upset)\b",
    r"\b(?:it |this )(?:has(?:n't| not)|never) worked (?:for an?|a|since|properly|once|one)\b",
)
AT_AN_END = (
    r"\b(?:i|we)(?:'ve| have)? had (?:it|enough)(?: with| of (?:this|it|that|you|your)| for (?:today|now)| now"
    r"|[.!,]|$)",
    r"\b(?:can't|cant|cannot|can not) (?:take|stand|bear|do) (?:this|it|that|any|much)\b(?! (?:long|from|to"
    r"|with|in|on|on)"
    r" )(?=.{0,12}(?:any ?more|longer|more|$|[.!]))",
    r"\b(?:i|we) (?:can't|cant|cannot|can not) any ?more\b|\b(?:can't|cant|cannot) work like this\b",
    r"\b(?:sick and |so |really |just |am |i'm |im |are |we're |getting )tired of\b|\b(?:end|death) of me\b",
    r"\b(?:poorest|lousiest|slowest|sloppiest) (?:\w+ )?(?:service|support|tool|app|software|company|experience)\b",
)
BROKEN_WORD = (
    r"\b(?:promised|were told|was told|was supposed|were supposed|told us|told me|you said|should have been|assured)\b"
    r"[^?]{0,90}[.,;!:]\s+(?:and |but |yet |guess what|same result|nothing\b|still\b|again\b"
    r"|(?:it|that|this|they|there)(?:'s|'re| is| are| was| were)?(?:n't| not| still| never| mon| tues| wednes"
    r"| thurs| fri"
    r"| sat| sun| january| february| march| april| may\b| june| july| august| september| october| november| december"
    r"| the \d+))",
    r"\b(?:i|we) (?:first )?(?:reported|raised|wrote|asked|told you|complained)(?: (?:it|this|that|about (?:it"
    r"|this|that)))?"
    r" (?:(?:back )?in|on|last|\w+ (?:days|weeks|months|years) ago)\b[^?]{0,40}[.,;!:]\s+(?:it|that|this|today|now|we)"
    r"(?:'s|'re| is| are) (?:now |still |already )?(?:\w+day|january|february|march|april|may|june|july|august"
    r"|september"
    r"|october|november|december|20\d\d)\b",
)
"""Of a whole text: what was promised or told in one sentence, and in the next that nothing came of it."""
