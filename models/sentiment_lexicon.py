"""What words and turns of phrase say about a customer's mood, where VADER's own lexicon is wrong for support."""

from __future__ import annotations

import re

from models.sentiment_grievances import (
    ASKING_IN_ANGER,
    AT_AN_END,
    COSTING,
    PROMISES,
    REPEATING,
    SENT_AWAY,
    WAITING,
)

STRONG = "qqstrongcomplaint"
COMPLAINT = "qqcomplaint"
GRUMBLE = "qqgrumble"
PLEASED = "qqpleased"

# Beginnings of the words that say how a writer feels. Other negative words of VADER name what happened, a crisis
# or a broken link, and weigh little.
FEELINGS = tuple(
    """
    abus abysmal agoniz agony anger angr annoy appal argh arrogan asham atrocious aw awful bad bastard
    betray bitch bloody bull cheat clueless crap cruel damn depress despair desperat despis detest
    disappoint disast disgrac disgust dislik dismay displeas dissatisf distress dread dumb embarrass
    enrag exasperat excruciat fedup ffs frustrat fuck fum furious fury garbage grief griev gross hate
    hating hatred hell helpless hopeless horr humiliat idiot incompeten infuriat insult irate irritat
    joke lame laughable liar lied lies livid lous mad miser mislead moron nast nightmar nonsense offend
    offens outrag pain pathet piss poor rage rant regret resent ridicul rip rubbish rude sad scam
    scandal scream sham shit sick sloppy stress stupid suck terribl trash ugh ugl unacceptabl unbearabl
    unbeliev unhapp unprofessional unreliab unsatisf upset useless vile wast weep worst worthless wretch
    wtf yell
    """.split()  # noqa: SIM905 - a hundred beginnings read better as prose
)

# What a project or its faults are called, and the small change of politeness: it says what a message is about,
# not how its writer feels.
MATTER = frozenset(
    """
    abandoned abort aborted accept accepted accepting active agree agreed alarm alert alerts alive allow
    ambiguous approval argument arrest asset assets assign attack award ban banned battle benefit block blocked
    blocker blockers blocking blocks bother break bug bugged bugs cancel canceled cancelled cancelling
    cancels challenge champion clash clean clear comment conflict conflicting conflicts crash crashed
    crashes crashing create created creates creating credit critical cry cut cuts damage dead deadlock
    dear debt definite definitely delay delayed delays demand demanding denied deny destroy detached die
    died dies difficult difficulties difficulty dirty disabled disconnected dispute disputed distort
    drop dropped drops dump dying easily easy emergency empty energy engage ensure error errors evil
    exclude excluded excluding exclusion exclusive exhausted expel fail failed failing fails failure
    failures fair fake false fatal fault feature fire fires forbid forbidden forced forget forgot
    forgotten free freeze friend friendly gain ghost god gone goodness gun hand hard help helper hide
    honest honestly hope hopes horror horrors ignore ignored ill illegal improve improved improvement incident
    incomplete inconvenience inconvenient interested interrupt interrupted interruption invalid isolated
    issue issues join joke kill killed killer killing kills kind kindly lag lagging lags late launch
    leak leave leaving like likes limitation limited limits lol loose lose loses losing loss lost low lower
    lowest matter matters miss missed misses missing mistake mistaken mistakes natural negative no
    number odd offline ok okay open opportunity outstanding overload panic password play please poor
    popular positive powerful prefer pressure prevent prevented prevents prison privacy problem problems
    progress promote protect protected protest ready refuse refused reject rejected rejects remote removed
    retreat reward treat treated treats rich risk risks risky safe safely save saved security severe severity share
    shared
    shares sharing shoot shortage shot sick slow smart solid solution solve sorry stall stalled stop
    stopped stopping stops strange stuck super support supported supporting supports sure suspect
    suspend suspended suspicious terminate threat threats top tough trap trapped trouble troubles true
    trust trusted unable unassigned unavailable unconfirmed undo unfinished unknown unresolved unsaved
    unstable unsuccessful unsupported urgent useful vague value violation virus vision vitality
    vulnerability want warn warned warning warnings warns weak weird welcome well win wish won worry
    worst wrong yes
    """.split()  # noqa: SIM905 - two hundred words read better as prose
)

# Valences as VADER's lexicon has them, from -4 to 4.
VALENCES: dict[str, float] = {
    STRONG: -2.8,
    COMPLAINT: -1.4,
    GRUMBLE: -1.1,
    PLEASED: 1.8,
    "livid": -3.3,
    "atrocious": -3.2,
    "disgrace": -3.2,
    "disgraceful": -3.2,
    "infuriating": -3.2,
    "abysmal": -3.0,
    "appalled": -3.0,
    "appalling": -3.0,
    "disgusted": -3.0,
    "fuming": -3.0,
    "outrageous": -3.0,
    "unacceptable": -3.0,
    "exasperated": -2.8,
    "exasperating": -2.8,
    "garbage": -2.8,
    "incompetent": -2.8,
    "nightmare": -2.8,
    "pathetic": -2.8,
    "shambles": -2.8,
    "shameful": -2.8,
    "worthless": -2.8,
    "ffs": -2.6,
    "horrible": -2.6,
    "insulting": -2.6,
    "ridiculous": -2.6,
    "terrible": -2.6,
    "unprofessional": -2.6,
    "angry": -2.4,
    "awful": -2.4,
    "clueless": -2.4,
    "frustrated": -2.4,
    "frustrating": -2.4,
    "rubbish": -2.4,
    "sucks": -2.4,
    "unusable": -2.4,
    "useless": -2.4,
    "wtf": -2.4,
    "crap": -2.2,
    "disappointed": -2.2,
    "disappointing": -2.2,
    "frustration": -2.2,
    "trash": -2.2,
    "unhappy": -2.2,
    "unhelpful": -2.2,
    "annoyed": -2.0,
    "annoying": -2.0,
    "annoys": -2.0,
    "unreliable": -2.0,
    "nonsense": -1.8,
    "unbelievable": -1.8,
    "dire": -2.4,
    "dreadful": -2.8,
    "woeful": -2.8,
    "lamentable": -2.6,
    "deplorable": -3.0,
    "diabolical": -2.8,
    "shoddy": -2.6,
    "subpar": -2.2,
    "substandard": -2.2,
    "amateurish": -2.4,
    "janky": -1.8,
    "half-baked": -2.2,
    "seething": -3.0,
    "gutted": -2.4,
    "unimpressed": -2.2,
    "disheartening": -2.2,
    "disillusioned": -2.2,
    "miffed": -2.0,
    "peeved": -2.2,
    "maddening": -2.8,
    "intolerable": -3.0,
    "inexcusable": -3.0,
    "laughable": -2.6,
    "sickening": -3.0,
    "buggy": -1.6,
    "ignoring": -1.6,
    "broken": -1.2,
    "works": 1.0,
    "fixed": 1.2,
    "resolved": 1.2,
    "cheers": 1.6,
    "helped": 1.6,
    "solved": 1.6,
    "ty": 1.6,
    "thx": 1.8,
    "legend": 2.4,
    "tysm": 2.4,
    "lifesaver": 2.8,
    "awesome": 3.0,
    "superb": 3.0,
}

_STRONG = (
    r"\b(broke|broken|worse|deleted|wiped|ruined|lost (my|our|all|everything|half))\b.{0,30}\bthanks "
    r"(a lot|a bunch|so much|for that)(?=[.! ]*$)",
    r"\b(my|our) patience (has|is|was|'s)? ?(now |just |really |finally )?(run|running|worn|wearing|gone"
    r"|exhausted|at an end|over|finished)\b",
    r"\b(i'm|im|i am|we're|we are) (so |absolutely |totally |just |completely )+done\b(?! (with (the|my|it|that"
    r"|this) (task|step|form|set|set-up|import|part|list)|now|when|in))(?=[.! ]*$)",
    r"\b(is|are|was)(n't| not) what (i|we) ('ve |have )?(pay|paid|sign|signed|ask|asked|expect|expected|order"
    r"|ordered)\b",
    r"\bwhat an? (\w+ )?(mess|joke|disaster|disgrace|disappointment|let-?down|farce|waste|nightmare|circus"
    r"|embarrassment|failure)\b",
    r"\b(absolute|total|complete|utter|unholy|bloody) (mess|disaster|failure|chaos|waste|disgrace|nonsense|joke)\b",
    r"\b(no|not a|without a|zero) (idea|clue) what (you|they|you people|you guys)( are|'re) doing\b",
    r"\btaken for (an? )?(fool|ride|idiot|granted)\b|\btreat(ed|ing|s)? (me|us|your customers|people|customers"
    r"|like) ?(like )?(an? )?(idiots?|fools?|child|children|dirt|nobody|criminal)\b",
    r"\b(could|want to|wanna|about to|going to|nearly|almost) (cry|scream|weep|explode)\b|\bmakes? (me"
    r"|us) (want to )?(cry|weep|sick|mad|furious|angry|look (bad|stupid|like))\b",
    r"\b(broke|breaks|ruined|ruins|messed up|screwed up) (everything|it all|all of it|(my|our) (whole"
    r"|entire) \w+)\b",
    r"\bhow (is|are|was) (this|it|that|these|you) still\b|\bstill (a thing|not possible|the case) in 20\d\d\b",
    r"\b(you|they|it) (managed|succeeded) (to|in) (delet|break|los|ruin|crash|mak|wip|mess|destroy)\w*\b",
    r"\bas (if|though) (i|we) (had|have|would|did)(n't| not)\b|\b(gone|lost|broken|down) because of (you|your)\b",
    r"\bbecause of your (stupid |broken |latest )?(bugs?|mistakes?|update|incompetence|error|failure|mess"
    r"|negligence)\b",
    r"\b(ignored|ignoring|ghosted|ghosting|stonewalled|fobbed off) (me|us|my (mails?|e-?mails?|messages?|tickets?"
    r"|questions?)|our (mails?|messages?|tickets?|questions?))\b|\b(left|leave|leaving"
    r"|keep|kept|keeping) (me|us) (hanging|in the dark|stranded|waiting)\b",
    r"\b(never|not) (ever )?(using|buying|trusting|recommending|touching) (this|you|it|your)\b|\b(biggest"
    r"|huge) mistake (was|to|i|we)\b",
    r"\bdo your (damn |bloody |fucking )?jobs?\b|\bget your (act|shit|stuff) together\b|\bsort yourselves out\b"
    r"|\bfor once\b",
    r"\btoo much to ask\b|\b(the )?(very )?least (you|they) could do\b|\bkick in the (teeth|face)\b"
    r"|\binsult to injury\b",
    r"\b(sent|passed|pushed|handed|running|run|going|moved) (me |us )?(around |round )?(in circles"
    r"|from pillar to post|from one \w+ to (another|the next))\b",
    r"\bnever get (that|this|those|it|them) (\w+ )?back\b|\bhours of my life\b|\bwords fail me\b"
    r"|\blost for words\b",
    r"\b(poor|sorry|pathetic|lame|sad) excuse (for|of)\b|\bjoke of an?\b|\bwhat('s"
    r"| is) (even )?the point\b(?! of (the|this|a|an) (\w+ )?(field|view|label|button|column|board|list|status"
    r"|role))",
    r"\b(not|isn't|aren't|wasn't|ain't) (at all |very |really )?(ok|okay|fair|fine|acceptable|right) (with (me"
    r"|us)|any ?more|at all|to (treat|charge|ignore|leave))\b",
    r"\b(is|are|has been|been) (just |literally |really |slowly )?(killing|driving) (me|us)"
    r"( (crazy|mad|nuts|insane|up the wall))?\b",
    r"\bdriv(es|ing|en|e) (me|us|everyone|everybody|people) (crazy|mad|nuts|insane|up the wall)\b",
    r"\b(sick|sick and tired|tired|had enough|have had it) (of|with)\b|\bfed up\b|\benough is enough\b",
    r"\bi('ve| have) had (enough|it)\b",
    r"\b(waste|wasted|wasting|wastes) (of |so much |all |my |our |more |another )*"
    r"(time|money|hours?|day|days|morning|afternoon|week)\b",
    r"\bwasted (an?|\d+|two|three|four|five|several|many|half) (\w+ )?(hours?|days?|weeks?|morning|afternoon)\b",
    r"(\b(is|are|what|such)|'s) (just |really |such |all )?a (total |complete |bad |sick |real )?joke\b",
    r"\b(are|r) (you|u|you guys|you people) (even |actually |seriously )?"
    r"(kidding|serious|joking|listening|reading|awake)\b|\bis this a joke\b",
    r"\bwhat('s| is| the hell is| on earth is) wrong with (you|u|your|this company)\b",
    r"\bwhat the hell\b(?! is an? )",
    r"\b(losing|lost|running out of|out of) (all |my |our |the )*(patience|faith|trust|confidence)\b",
    r"\b(nobody|no one|noone|none of you) (ever |even |has |bothers to |here )*"
    r"(answers?|answered|repl(y|ies|ied)|responds?|responded|cares?|helps?|helped|listens?|reads?)\b",
    r"\byou (guys |people )?(never|don't ever|do not) (answer|reply|respond|listen|help|read|fix|care)\w*\b",
    r"\byou (guys |people |all )?(clearly |obviously |plainly |simply |just |really |so |do )*(don't|dont|do not"
    r"|couldn't) care\b"
    r"|\b(shittiest|crappiest|lousiest)\b|\bfor (god|heaven|christ|pete)'?s'? sake\b",
    r"\bworst (\w+ )?(\w+ )?(ever|i|we|support|service|app|tool|software|update|experience|company|product|thing)\b",
    r"\bthanks for nothing\b|\bwit'?s'? end\b|\b(end|limit) of my (rope|tether|patience)\b|\bthe last straw\b",
    r"\bwhat (exactly |on earth )?(are|do) (we|i) (even )?pay(ing)? (you )?for\b|\bno no no\b|\bthis is (bs|bull\w*)\b",
    r"\b(expected|deserve|hoped for) (so much |much |far |a lot |something )?(better|more) (from|of|than)\b",
    r"\byou (guys |people )?(clearly |obviously |really |still )*(didn't|did not|don't|do not|haven't) "
    r"(even )?(understand|understood|read|listen|get it)\b|\b(very|such|extremely|really) poor\b",
    r"\bdone (with (this|you|it)|being (patient|nice|polite))\b|\bto scream\b|\bnothing you (said|suggest\w*|told)\b",
    r"\bi expected (so much |much |far |a lot )?better\b|\bhow (dare|can) you\b|\bcan you people\b",
    r"\b(zero|no) (answers?|repl(y|ies)|response|reaction)\b(?! (is |was )?(needed|necessary|required|expected|wanted))"
    r"|\b(ruin(ed|s)|cost (me|us)) (my|our|the) (whole |entire )?"
    r"(day|morning|week|weekend|demo|launch|afternoon|hours?)\b|\bruining\b",
    r"\b(not|isn't|is not|far from|hardly|never|no longer) (at all |very |really |even |remotely )?"
    r"(acceptable|good enough|impressed|amused|professional|funny|happy|satisfied)\b",
    r"\b(had|have) to (ask|write|tell|explain|repeat)\b.{0,25}\b(again|twice|times?)\b",
    r"\bhow (many (more )?times(?! (can|may|per|an?|the|is|are|has|(do|does|will|should) (an?|the|tasks?))\b)"
    r"|much longer|long (do|must|should) (i|we) (have to )?wait)\b",
    r"\b(third|fourth|fifth|sixth|tenth|hundredth|umpteenth|nth|3rd|4th|5th|6th|10th|100th) "
    r"(time(?! (zones?|slots?|frames?|ranges?|stamps?|entry|entries|tracker|field|span))|mail|message|ticket|attempt"
    r"|day)\b(?! today)",
    r"\b(useless|generic|copy-?paste|canned|stupid|same) (answers?|repl(y|ies)|responses?|article|links?|bot)\b",
    r"\b(i'?m|i am) (so |really )?(losing it|at my limit|at the end of my)\b",
    r"\bi give up\b(?! (the|my|our|a|an|this|that) )|\bhopeless\b|\bgetting (worse|nowhere)\b"
    r"|\bgo(ing|es)? in circles\b",
    r"\bbeyond (frustrat\w+|belief|annoy\w+)\b",
    r"\b(feel|feels|feeling|felt) (so |completely |totally |really |utterly |very )*"
    r"(ignored|cheated|let down|abandoned|insulted|mocked|fooled|lied to|ripped off|helpless|unheard|betrayed)\b",
    r"(\b(is|are|was)|'s) (such |just |really |simply |nothing but )*(an? )?"
    r"(insult|mockery|insolence|imposition|let-?down|farce|cheek|slap in the face)\b",
    r"\bhow (hard|difficult) can (it|this|that) be\b|\bso (bad|poor|slow) (that )?(it|this)('s| is)\b",
    r"\b(my|our) (whole |entire )?(day|morning|week|weekend|evening|afternoon|demo|launch) "
    r"(is|was|has been|got) ruined\b",
    r"\b(lose|losing|lost) (my|our) (mind|minds|nerves?|temper|sanity|will to live)\b|\b(tear|tearing|pull"
    r"|pulling) (my|our) "
    r"hair( out)?\b|\b(my|our) blood boils?\b|\bon my (last )?nerves?\b",
    r"\b(throw|chuck|smash|hurl|kick) (my|the|this|that) (\w+ )?(laptop|computer|phone|screen|monitor|keyboard|pc"
    r"|tablet)\b",
    r"\b(not|never|no ?(one|body)|shouldn't|won't|can't|cannot|refuse|tired|have|having"
    r"|had)\b.{0,20}\bput(ting)? up with\b",
    r"\b(so|really|badly|seriously|completely|totally|utterly|feel|feeling|been|bitterly) let down\b"
    r"|\b(lets?|letting) (me|us|everyone|my team|our team) down\b",
    r"\bslow clap\b|\bhorror show\b|\b(a|an) (absolute |complete |total |utter )?(shambles|fiasco|travesty)\b",
    r"[🤬😡😠👿🖕💩🤮]",
)
_COMPLAINT = (
    r"\byet another (bug|crash|outage|error|failure|problem|update|broken)\b|\bsame (story|problem|issue|error"
    r"|bug|thing) (again|every|as always|as usual|all over)\b",
    r"\bfix (it|this|that|your|the) (\w+ )?(now|already|immediately|asap|finally|for good|at last)\b"
    r"|\bjust (fix it|make it work)\b|\bfinally (fix|do something)\b",
    r"\b(dragging|drags) on\b|\b(no|not a single|without any) (improvement|explanation|apology|progress (so far"
    r"|at all|yet))\b"
    r"|\bwhat (on earth|in the world)\b",
    r"\b(i|we)('m| am|'re| are) (getting |so |really |very |quite |rather |extremely )*(cross|annoyed|irked"
    r"|miffed|peeved|unimpressed|disheartened|disillusioned|gutted|stressed|desperate)\b",
    r"\bbeyond (me|us|my understanding) (how|why|that|what)\b|\bwhy (does|do|must) (this|it|that|these"
    r"|things) (always |"
    r"constantly )?keeps? (on )?\w+ing\b|\bwhy do (i|we) (even )?bother\b",
    r"\b(can't|cant|cannot|can not|hard to) believe\b(?!.{0,40}\b(good|great|easy|easily|fast|quick|quickly|nice|well"
    r"|simple|helpful|amazing|lucky)\b)",
    r"\b(not|less than|far from|hardly|anything but) (best |exactly |at all |very |terribly |all that |too |overly "
    r"|particularly |really )?(pleased|thrilled|delighted|impressed|amused|chuffed|ideal|ecstatic)\b",
    r"\b(so-called|so called)\b.{0,40}\b(nothing|not|worse|broke|broken|didn't|doesn't|useless)\b",
    r"\b(leaves|left) (a lot|much|something|everything) to be desired\b|\bto put it (mildly|politely|nicely)\b",
    r"[👎😤🙄😩😫]",
    r"\b(over and over|again and again|time and again|yet again)\b",
    r"\b(broken|down|failed|fails|crashed|crashes|wrong|gone|broke|same \w+) again\b",
    r"\b(nobody|no one) bothered\b|\bevery (single )?(day|time|week|morning) \w+ (fails|breaks|crashes|goes wrong)\b",
    r"\b(fails|breaks|crashes) (every|each) (single )?(day|time|week|morning)\b|\banother day,? another\b",
    r"\bis any(body|one) (even )?(there|reading|listening|working)\b|\bhow (is it|can it be) (even )?possible that\b",
    r"\b(lost|losing) (an?|\d+|two|three|several|half an?) (\w+ )?(hours?|days?|afternoon|morning)( of work)?\b",
    r"\bstill (is |are )?(totally |completely )?(not|no|nothing|broken|waiting|doesn'?t|does not|don'?t|won'?t|can'?t"
    r"|cannot|isn'?t|hasn't|haven't|failing|fails|down|the same|stuck|wrong|missing)\b"
    r"( (fixed|solved|resolved|working|done))?",
    r"\b(been )?waiting (for )?(\w+ )?(\d+|two|three|four|five|six|several|many|all) (\w+ )?"
    r"(hours?|days?|weeks?|months?|day|morning)\b|\b(for|since) (ages|weeks|months)\b",
    r"\b(stop|quit) (sending|giving|asking|telling|wasting|copying)\b",
    r"\bread (my|what i|the) (message|mail|question|ticket|wrote|said)\b",
    r"\bi (already|just) (told|said|wrote|explained|tried|did)\b",
    r"\b(no|zero|not any) help at all\b|\bnot helping\b|\b(isn't|aren't|ain't|isnt) helping\b",
    r"\b(this|that|it)( is|'s) (just |so |totally |completely |really )*(insane|absurd|ludicrous|a mess)\b",
    r"\b(had|have|has) (had )?(my|our|this) (ticket|mail|message|case|request|report) for (\w+ )?(days|weeks|months)\b",
    r"\b(worse than (before|ever)|even worse|(just |only )?(gets|getting|got) worse)\b",
)
_GRUMBLE = (
    r"\b(keeps?|constantly|always|every time it|forever) (on )?(crash\w*|fail\w*|break\w*|freez\w*|los\w+"
    r"|disappear\w*|delet\w*|kick\w*)\b",
    r"\bnot good\b|\bat a loss\b|\bgive me a break\b|\bcome on[!.]|\bseriously\?|\bunbelievable\b",
    r"\b(did|does|do)(n't|nt| not) (help|work|solve)( me| us| it| anything)?( at all| either| one bit)?\b",
    r"\b(no|zero|not any|not much|little) help\b|\bnot helpful\b|\bno use\b|\bnot working\b",
    r"\bnothing (ever |here )?(works?|helps?|loads?|happens|changes)\b",
    r"\b(makes?|making) (no|zero|absolutely no) sense\b|\bwhy (on earth|the hell|in the world)\b",
    r"\bwhy is (it|this|everything) so (hard|difficult|slow|complicated)\b",
)
_PLEASED = (
    r"\b10 ?/ ?10\b|\b(5|five) stars?\b|\btop[- ]notch\b|\bspot[- ]on\b|\bfirst[- ]class (support|service|tool"
    r"|app|help)\b|\bgame[- ]?changer\b|\bhats? off\b|\bkudos\b|\bthumbs up\b|\byou rock\b|\bnailed it\b",
    r"\b(you('re| are)?|u r|ur|it('s| is)|this is|that('s| is)|what) (such )?an? (absolute |real |true "
    r"|total )?(star|gem|hero|legend|dream|joy|delight|pleasure|blessing|godsend|breeze|treat|relief"
    r"|life ?saver)\b",
    r"\b(i|we) (really |just |absolutely |all |simply |totally )*(love|adore|enjoy) (it|this|that|the|how|your"
    r"|taskflow|working|using)\b",
    r"\b(everything|it|all|that|this)('s| is| has| now)? ?(works?|worked|working|solved|fixed|running)( \w+)? "
    r"(again|now|fine|perfectly|great|like a charm|smoothly)\b",
    r"\bthat (did it|worked|fixed it|helped)\b|\bproblem (is )?(solved|gone|fixed)\b",
    r"\bno (problems?|issues?|worries|complaints?|rush|hurry)\b",
    r"\b(can't|cant|cannot|can not|couldn't|could not) (thank|praise|recommend|fault|rate) (you|it|this|them"
    r"|the \w+)( all| guys)?"
    r"( \w+){0,3} (enough|highly|more)\b|\b(can't|cannot|could not|couldn't) fault\b",
    r"\b(couldn't|could not|can't|cannot) be (any )?(happier|better|easier|simpler|more (pleased|satisfied"
    r"|grateful))\b",
    r"(^|\b(i|we)('ve| have)? )never (ever )?(had|seen|met|used|experienced|got|found|known) "
    r"(such )?(an? )?(\w+ )?(better|good|great|fast|faster|friendly|friendlier|helpful|nicer|quick|smooth|smoother)\b",
    r"\b(you|that|this|it|your \w+) (just |really |totally |have |has )?(made|saved) (my|our|the) (day|week|morning"
    r"|evening"
    r"|weekend|bacon|life|skin)\b|\b(saved|rescued) (me|us)\b(?! from (the )?(seeing|having))",
    r"\bkiller (feature|app|tool|product|update)s?\b|\bnot (at all |half |too )?bad\b( at all)?|\bno complaints\b"
    r"|\b(works?|worked|running|runs?) like (a charm|a dream|clockwork)\b",
    r"\b(damn|bloody|insanely|crazy|stupidly|ridiculously|awfully|terribly|wickedly) (that's |that is |this is |it's )?"
    r"(good|great|fast|quick|nice|easy|useful|handy|brilliant|well done|helpful|kind|impressive|cool)\b",
    r"❤|[💖💕😍🥰🤩🥳🎉💯👏]",
)
_NEUTRAL = (
    r"\bgreat (britain|deal of|number of|many|circle)\b|\b(i'd|i would|we'd|we would|i'll|i am|i'm|we're) (also "
    r"|more than |always |of course )?(be )?(very )?(happy|glad|pleased|delighted) to\b",
    r"\b(hate|sorry|don't like|do not like) to (bother|ask|trouble|disturb|be a pain|nag)\b|\b(would|'d"
    r"|should) (really |just )?(love|like|prefer) (to|it if|if)\b",
    r"\bbest (way|practices?|option|place|view|method|approach|plan)\b|\bnice[- ]to[- ]haves?\b",
    r"\b(would|could|might|may|'d) (also |really )?be (very |really |so |super )?"
    r"(nice|great|good|lovely|helpful|cool|awesome|useful|handy|perfect|ideal)( if| to| when)\b",
    r"\bmy bad\b|\bbad (requests?|gateway|file|format|credentials|data|rows?|links?|ideas?|lines?|cells?|values?|url"
    r"|address|luck)\b",
    r"\b(sorry|apolog\w+|forgive me)( (for|that|if|about|i|my|was|were|being|been|so|a|bit|the|got|sounded)){1,6} "
    r"(upset|rude|angry|harsh|grumpy|mad|impolite|impatient|tone|outburst)\b",
    r"\bdisaster[ -](recovery|plan\w*|response|relief|drills?|management|preparedness)\b",
    r"\bnet and gross\b|\bgross (and net|amounts?|figures?|prices?|sums?|totals?|margins?|incomes?)\b",
)
PHRASES = [
    (re.compile(pattern), word)
    for word, patterns in (
        ("matter", _NEUTRAL),
        (STRONG, (*_STRONG, *REPEATING, *ASKING_IN_ANGER, *COSTING, *AT_AN_END)),
        (COMPLAINT, (*_COMPLAINT, *WAITING, *PROMISES, *SENT_AWAY)),
        (GRUMBLE, _GRUMBLE),
        (PLEASED, _PLEASED),
    )
    for pattern in patterns
]
"""Turns of phrase in lower case that no single word gives away, each with the word of the lexicon it stands for."""
