"""What a question's own words say about who else may be given its answer, and for how long it stays true.

Rules for English, with the plainest words of time of a few other languages. They are made to err to one side: a
question that looks fresh or personal is answered from the cache only where all of it is asked again.
"""

import re
import unicodedata

_PERIOD = (
    r"(?:second|minute|hour|day|night|morning|afternoon|evening|week|weekend|month|quarter|season|semester|year|decade"
    r"|century|monday|tuesday|wednesday|thursday|friday|saturday|sunday|game|match|race|election)s?"
)
_FRESH = re.compile(
    r"\b(?:"
    r"today|tonight|tomorrow|yesterday|now|nowadays|current|currently|presently|latest|newest|recent|recently"
    r"|ongoing|upcoming|trending|breaking|forecast|weather|news|headlines?|stock|stocks|bitcoin|standings"
    r"|up[ -]to[ -]date|so far|as of|at the moment|at present|these days|any ?more|just (?:happened|announced)"
    rf"|(?:this|last|next|past|previous|coming|current) (?:\w+ )?{_PERIOD}"
    rf"|(?:\w+ ){{1,2}}{_PERIOD} (?:ago|from now|left)"
    r"|(?:what|which) (?:time|day|date|month|year|week) (?:is|are|do|does|will)\b"
    r"|what(?:'s| is| are)? the (?:\w+ )?(?:time|date|day|month|year)\b|date and time|time is it|what day"
    r"|(?:price|score|status)s? of|(?:share|spot|oil|gold|gas|house) prices?|how much (?:is|are|does|do)"
    r"|exchange rates?|interest rates?|market cap|live (?:score|result|stream|update|coverage|traffic)s?"
    r"|(?:who|which team|what team)(?:'s| is| are)? (?:winning|leading|ahead)|traffic (?:on|in|at|to)"
    r"|how (?:long|many|much) .{0,80}\b(?:until|till|since|left|remaining)"
    r"|(?:still|open|closed|available|in stock|online|down|playing|showing) (?:today|now|currently)"
    r"|(?:is|are) .{0,60} (?:down|closed|in stock|online|available|still \w+)"
    r"|heute|morgen|gestern|jetzt|aktuell\w*|derzeit|momentan|neueste\w*|wetter"
    r"|aujourd'hui|demain|hier|maintenant|actuel\w*|dernières|météo"
    r"|hoy|mañana|ayer|ahora|actual|actualmente|últim[oa]s?|oggi|domani|ieri|adesso|attuale|hoje|amanhã|ontem|agora"
    r")\b"
    r"|今天|今日|明天|明日|昨天|昨日|现在|現在|目前|最新|今週|本周|天气|天気|오늘|내일|어제|지금|현재|최신|날씨|сегодня|завтра|вчера|сейчас"
)
_FIRST_PERSON = re.compile(r"\b(?:i|me|my|mine|myself|we|our|ours|ourselves|im|ive)\b")
_US = re.compile(r"\b[Uu]s\b")
_FOLLOW_UP = re.compile(
    r"\b(?:this|that|these|those|it|its|they|them|their|theirs|he|him|his|she|her|hers|ones|same|such|above|below"
    r"|previous|previously|earlier|before|former|latter|again|continue|go on|carry on|keep going|more|else|another"
    r"|others?|next|instead|both|either|neither|which one|the \w+ one|first|second|third|last"
    r"|also|too|still|there|here|then|shorter|longer|simpler|better|rephrase|reword|rewrite|elaborate|expand|undo|redo|retry|repeat"
    r"|you said|you mean|you wrote|your answer)\b"
    r"|^\W*(?:and|but|or|so|because|why|how come|what about|how about|ok|okay|yes|yeah|no|nope|sure|please|thanks"
    r"|thank you|really|wait|hm+|right|correct|wrong)\b"
)
_FEWEST_WORDS = 4
# Printable by Unicode, and still not seen: fillers, and marks that only choose how the character before them looks.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0e\U000e0100-\U000e01ef]|\ufe0f{2}|^\ufe0f"
)
_MOST_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3}")


def is_fresh(text: str) -> bool:
    """Whether the answer may be another one soon: news, prices, the weather, and whatever is relative to now."""
    return _FRESH.search(_folded(text)) is not None


def is_personal(text: str) -> bool:
    """Whether somebody speaks of themselves."""
    return _FIRST_PERSON.search(_folded(text)) is not None or _US.search(text) is not None


def is_follow_up(text: str) -> bool:
    """Whether the words refer to what was said before, or are so few that they must."""
    folded = _folded(text)
    return len(folded.split()) < _FEWEST_WORDS or _FOLLOW_UP.search(folded) is not None


def has_unseen(text: str) -> bool:
    """Whether it has characters that a reader does not see and a model does.

    In them one can hide words from whatever compares two texts as a reader would.
    """
    if text.isascii():
        return not " ".join(text.split()).isprintable()
    plain = " ".join(text.split())
    hidden = _UNSEEN.search(plain) is not None or _MOST_MARKS.search(plain) is not None
    return hidden or not plain.isprintable()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'")
    return " ".join(plain.casefold().split())
