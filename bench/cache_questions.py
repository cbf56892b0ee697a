"""Questions as people ask a product: many alike, and beside each some that only look alike.

Made from templates and fillers, so that there are as many as wanted, near neighbours exist among them, and what a
question has in common with another is known.
"""

import random
from collections.abc import Iterator, Sequence

import msgspec

KINDS = ("repeat", "near", "negative", "miss")
_POLITE = ("Hi, ", "Hello, ", "Please tell me: ", "Quick question: ", "Hey there, ")
_THANKS = (" Thanks!", " Thank you.", " please", " Thanks in advance.")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_VERBS = _words(
    "cancel change renew upgrade downgrade transfer pause restart export import share delete archive restore verify "
    "update review approve reject schedule track return replace activate suspend merge duplicate print sign download"
)
_ADJECTIVES = _words(
    "annual monthly personal family student business premium basic trial shared private public international domestic "
    "corporate joint temporary permanent expired pending draft final old new primary secondary mobile online"
)
_THINGS = _words(
    "subscription invoice account order contract licence password address booking ticket reservation insurance policy "
    "delivery refund warranty membership profile report certificate passport visa mortgage loan pension salary "
    "contribution voucher workspace repository pipeline cluster database backup firewall router printer camera phone "
    "laptop headset keyboard monitor charger battery sensor thermostat boiler bicycle scooter lease garage mailbox "
    "calendar meeting project budget forecast dashboard survey newsletter campaign discount receipt statement"
)
_PLACES = _words(
    "Berlin Paris Madrid Lisbon Rome Vienna Prague Warsaw Oslo Helsinki Dublin London Boston Chicago Denver Seattle "
    "Austin Toronto Montreal Lima Quito Bogota Santiago Nairobi Cairo Lagos Accra Tunis Dubai Mumbai Delhi Hanoi "
    "Bangkok Manila Osaka Kyoto Seoul Taipei Sydney Perth Auckland"
)
_NAMES = _words(
    "Anna Boris Carla David Elena Farid Grace Hugo Irene Jonas Katya Liam Marta Nadia Oscar Paula Quentin Rosa Simon "
    "Tara Umar Vera Walter Xenia Yusuf Zoe"
)
_OPENINGS = (
    "How do I {verb} my {adjective} {thing}",
    "How can I {verb} the {adjective} {thing} of {name}",
    "Can I {verb} a {thing} in {place} within {number} days",
    "What does it cost to {verb} a {adjective} {thing} in {place}",
    "Where do I find the {adjective} {thing} that {name} did {verb} in {place}",
    "Why was my {adjective} {thing} number {number} rejected in {place}",
    "Is it possible to {verb} {number} {adjective} {thing}s at once",
    "Who may {verb} the {thing} of {name} after {number} days",
    "Do I need a {adjective} {thing} before I {verb} my {other}",
    "Explain the difference between a {adjective} {thing} and a {adjective2} {thing} for {name}",
    "Write a short message to {name} to {verb} the {thing} from {place} to {place2}",
    "Summarise what happens when I {verb} a {thing} with {number} open {other}s",
    "Which documents are required to {verb} a {adjective} {thing} in {place}",
    "My {thing} number {number} does not {verb}, what should I try first",
    "When will the {adjective} {thing} from {place} arrive if I {verb} it today",
)
_ELSEWHERE = (
    "Translate the sentence about {name} and the {thing} into a poem about the sea near {place}",
    "Compute the integral of x to the power of {number} and compare it with {number} squared",
    "Give me three recipes with lentils, {place} style, for {number} guests",
    "Which bird sings at night in the woods around {place} in month {number}",
    "Refactor a function that sorts {number} rows by {thing} so that it runs in linear time",
)


class Asked(msgspec.Struct, frozen=True):
    """A question to look up. `kind` is one of KINDS: in what it differs from one that is kept."""

    kind: str
    text: str


def kept(count: int, seed: int = 1) -> list[str]:
    """So many different questions."""
    dice, found = random.Random(seed), dict[str, None]()
    while len(found) < count:
        found[_filled(dice.choice(_OPENINGS), dice) + "?"] = None
    return list(found)


def asked(texts: Sequence[str], count: int, seed: int = 2) -> Iterator[Asked]:
    """So many questions beside those that are kept, the kinds in turn."""
    dice = random.Random(seed)
    for at in range(count):
        kind = KINDS[at % len(KINDS)]
        text = dice.choice(texts)
        if kind == "near":
            text = _reworded(text, dice)
        elif kind == "negative":
            text = _turned(text, dice)
        elif kind == "miss":
            text = _filled(dice.choice(_ELSEWHERE), dice)
        yield Asked(kind, text)


def _filled(template: str, dice: random.Random) -> str:
    adjective, other_adjective = dice.sample(_ADJECTIVES, 2)
    thing, other = dice.sample(_THINGS, 2)
    place, other_place = dice.sample(_PLACES, 2)
    return template.format(
        verb=dice.choice(_VERBS),
        adjective=adjective,
        adjective2=other_adjective,
        thing=thing,
        other=other,
        place=place,
        place2=other_place,
        name=dice.choice(_NAMES),
        number=dice.randrange(2, 999),
    )


def _reworded(text: str, dice: random.Random) -> str:
    """The same question: a greeting, thanks, small letters or a typing error."""
    way = dice.randrange(4)
    if way == 0:
        return dice.choice(_POLITE) + text[0].lower() + text[1:]
    if way == 1:
        return text + dice.choice(_THANKS)
    if way == 2:
        return text.lower().rstrip("?")
    at = dice.randrange(len(text) // 2, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _turned(text: str, dice: random.Random) -> str:
    """Another question in almost the same words: one word is replaced, or what is asked is denied."""
    words = text.split()
    for at, word in enumerate(words):
        bare = word.rstrip("?,")
        for fillers in (_PLACES, _NAMES, _VERBS, _ADJECTIVES):
            if bare in fillers and dice.random() < 0.5:
                words[at] = word.replace(bare, dice.choice([one for one in fillers if one != bare]))
                return " ".join(words)
    return text.replace(" my ", " not my ", 1) if " my " in text else f"{text[:-1]} or not?"
