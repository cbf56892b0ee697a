"""Who a pronoun means, where only one can be meant."""

from collections.abc import Sequence

from homeport.cache.verifier.lexicon import Lexicon

_SUBJECT = {"him": "he", "them": "they", "me": "i", "us": "we", "whom": "who"}
_HE = frozenset(("he", "him", "his"))
_SHE = frozenset(("she", "her"))


def resolve(words: Sequence[str], lexicon: Lexicon) -> tuple[str, ...]:
    """Pronouns become the one name that they can mean; him becomes he, which the order of words tells apart."""
    said = [_as_subject(words, at, lexicon) for at in range(len(words))]
    men = {word.lower() for word in said if word.lower() in lexicon.men and _names(word, lexicon)}
    women = {word.lower() for word in said if word.lower() in lexicon.women and _names(word, lexicon)}
    out: list[str] = []
    for word in said:
        who = men if word in _HE else women if word in _SHE else set()
        named = [name.lower() for name in out]
        if len(who) == 1 and (name := next(iter(who))) in named:
            out += [name, "'s"] if word in ("his", "her") else [name]
        else:
            out.append(word)
    return tuple(out)


def _names(word: str, lexicon: Lexicon) -> bool:
    return word[0].isupper() or lexicon.is_name(word)


def _as_subject(words: Sequence[str], at: int, lexicon: Lexicon) -> str:
    word = words[at]
    if word == "her" and _ends(words, at + 1, lexicon):
        return "she"
    return _SUBJECT.get(word, word)


def _ends(words: Sequence[str], at: int, lexicon: Lexicon) -> bool:
    """No noun follows of which somebody is the owner."""
    return at >= len(words) or words[at] in lexicon.lists["function"] - {"own"}
