"""Whether a turn says that the answer before it was wrong: words that people use, in a few languages. Pure.

This is a weak signal, and it is taken as one: it looks only at how a turn begins, so it misses most
complaints, and what it finds is mostly one.
"""

import re

from homeport.core.routing import Prompt

_LOOKED_AT = 160
_WRONG = r"(wrong|incorrect|false|not (right|correct|true|what i (asked|meant|wanted)))"
_REFUSALS = (
    rf"(that|this|it|your (answer|reply|code|result))('s| is| was| looks)? (still |just |all |completely )?{_WRONG}\b",
    r"(that|this|it) (doesn't|does not|didn't|did not|still doesn't) work",
    r"you('re| are) wrong|you (misunderstood|made a mistake|didn't answer)",
    r"(please )?(try|do it|do that|answer|write it|generate it) (it |that )?(again|once more)\b",
    r"(please )?(regenerate|redo|retry)\b",
    r"(still )?(wrong|incorrect|not (right|correct))( answer)?\s*([.!,:]|$)",
    r"not what i (asked|meant|wanted)",
    r"(das|es) (ist|war|stimmt) (falsch|nicht|so nicht)\b",
    r"(bitte )?(versuch|probier)\w* (es )?(noch ?mal|nochmals|erneut)",
    r"(c'est|ce n'est pas) (faux|correct|juste|incorrect)\b|r[ée]essa(ie|yez)",
    r"(eso |esto )?(es incorrecto|est[áa] mal|no es correcto)|(int[ée]ntalo|prueba) (de nuevo|otra vez)",
)
_AGAIN = re.compile(
    rf"[\s\"'*>-]*((no|nope|nein|non|hmm?|wait|sorry|ugh)\b[\s,.!:;-]*)?({'|'.join(_REFUSALS)})", re.IGNORECASE
)


def asks_again(prompt: Prompt) -> bool:
    """The last turn is a person's, it follows an answer, and it begins with words that refuse it."""
    turns = prompt.turns
    if len(turns) < 3 or turns[-1].role != "user" or turns[-2].role != "assistant":
        return False
    begins = turns[-1].text[:_LOOKED_AT].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _AGAIN.match(begins) is not None
