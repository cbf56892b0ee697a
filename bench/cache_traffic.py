"""Requests as many people send them, and what each means: repeats, near repeats, and others that look the same.

Questions are made of templates and names. Each has a meaning; those of the same meaning have the same right answer,
those of another meaning another one, however alike they look. They were written without a look at any rule that tells
questions apart, and are not to be made to fit one.
"""

import itertools
import random
from collections.abc import Iterator, Sequence

import msgspec

from bench.cache_schemas import Schema, schemas

SAME = ("base", "filler", "case", "typo", "contraction", "synonym", "rotation")
OTHER = ("negation", "number", "name", "order", "scope")
"""How a question differs from that of another meaning which it was made from."""

PROJECTS = ("atlas/support", "atlas/sales", "borealis/desk")
SYSTEMS = (
    "You answer questions of customers in two sentences.",
    "You are a sales engineer. Be brief.",
    "You help the front desk.",
)
KEYS_A_PROJECT = 2


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask for something.

    Attributes:
        meaning: the number of what is asked for.
        family: the number of the question that all of these look like.
        way: one of `SAME`.
        hard: one of `OTHER`, where the meaning is a twist of the family's; else "".
    """

    text: str
    meaning: int
    family: int
    way: str
    hard: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent.

    Attributes:
        key: the number of the key; its project is `key // KEYS_A_PROJECT`.
        before: what was said before in the conversation.
        tools: tools are offered.
    """

    question: Question
    key: int
    stream: bool
    before: tuple[tuple[str, str], ...] = ()
    tools: bool = False
    temperature: float = 0.0

    @property
    def context(self) -> str:
        """All that stands between two askers: nobody may be given what was made in another one."""
        return f"{self.key // KEYS_A_PROJECT} {self.before} {self.tools} {self.temperature}"

    def body(self, model: str) -> dict[str, object]:
        """In the words of OpenAI's chat completions."""
        system = SYSTEMS[self.key // KEYS_A_PROJECT]
        said = [("system", system), *self.before, ("user", self.question.text)]
        body: dict[str, object] = {"model": model, "messages": [{"role": role, "content": text} for role, text in said]}
        body["temperature"] = self.temperature
        if self.tools:
            body["tools"] = [_TOOL]
            body["tool_choice"] = "none"
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if self.stream else body


_TOOL = {"type": "function", "function": {"name": "open_ticket", "parameters": {"type": "object", "properties": {}}}}
_FILLERS = ("Hi! {}", "Hello, {}", "{} Thanks!", "Please tell me: {}", "Quick question: {}", "{} Thank you very much.")
_TYPO_LETTERS = 6
_WORDS = ("the", "desk", "confirms", "that", "this", "holds", "for", "every", "branch", "until", "next", "review")


def questions(seed: int) -> list[list[Question]]:
    """All of them by family: the plain question in several words, and twists of it. No text has two meanings."""
    dice, meanings = random.Random(seed), dict[str, int]()
    families: list[list[Question]] = []
    for schema in schemas():
        for a, b, n in itertools.product(schema.a, schema.b, schema.n):
            names = {
                "a": a,
                "b": b,
                "n": n,
                "c": dice.choice([one for one in schema.a if one != a]),
                "m": dice.choice([one for one in schema.n if one != n] or [n]),
            }
            families.append(list(_family(schema, names, len(families), meanings, dice)))
    return families


def _family(
    schema: Schema, names: dict[str, object], number: int, meanings: dict[str, int], dice: random.Random
) -> Iterator[Question]:
    base = schema.base.format(**names)
    same = [(way, text.format(**names)) for way, text in schema.same]
    twists = [(hard, text.format(**names), list[tuple[str, str]]()) for hard, text in schema.other]
    for hard, text, others in [("", base, same), *twists]:
        # The twist of one family is the plain question of another: what is asked for has one number.
        meaning = meanings.setdefault(text, len(meanings))
        for way, words in [("base", text), *others, *_nearly(text, dice)]:
            yield Question(text=words, meaning=meaning, family=number, way=way, hard=hard)


def _nearly(text: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    for filler in dice.sample(_FILLERS, 2):
        yield "filler", filler.format(text)
    yield "case", text.lower().rstrip("?")
    if (mistyped := _mistyped(text, dice)) != text:
        yield "typo", mistyped


def _mistyped(text: str, dice: random.Random) -> str:
    """Two letters within a long plain word change places; names and numbers stay as they are."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) >= _TYPO_LETTERS and word.isalpha() and word.islower()]
    if not long:
        return text
    at = dice.choice(long)
    cut = dice.randrange(1, len(words[at]) - 2)
    word = words[at]
    words[at] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return " ".join(words)


def answers(families: Sequence[Sequence[Question]], seed: int) -> dict[str, str]:
    """The right answer of each text; it begins with `[meaning]`, and answers differ in length."""
    dice = random.Random(seed)
    said: dict[int, str] = {}
    found = {}
    for question in itertools.chain.from_iterable(families):
        if question.meaning not in said:
            rest = " ".join(dice.choices(_WORDS, k=dice.randint(8, 90)))
            said[question.meaning] = f"[{question.meaning}] {rest}."
        found[question.text] = said[question.meaning]
    return found


def requests(families: Sequence[Sequence[Question]], count: int, *, exponent: float, seed: int) -> list[Request]:
    """So many requests: families by Zipf's law, a third of each family's questions are twists of it.

    Source: G. K. Zipf, Human Behavior and the Principle of Least Effort, 1949.
    """
    dice = random.Random(seed)
    ranked = list(families)
    dice.shuffle(ranked)
    weights = [1 / rank**exponent for rank in range(1, len(ranked) + 1)]
    return [_request(family, dice) for family in dice.choices(ranked, weights, k=count)]


def _request(family: Sequence[Question], dice: random.Random) -> Request:
    is_hard, is_base = dice.random() < 1 / 3, dice.random() < 0.5
    pool = [one for one in family if bool(one.hard) == is_hard]
    question = dice.choice([one for one in pool if one.way == "base"] if is_base else pool)
    roll = dice.random()
    return Request(
        question=question,
        key=dice.randrange(KEYS_A_PROJECT * len(PROJECTS)),
        stream=dice.random() < 0.5,
        before=_BEFORE[dice.randrange(len(_BEFORE))] if roll < 0.08 else (),
        tools=0.08 <= roll < 0.12,
        temperature=0.7 if 0.12 <= roll < 0.20 else 0.0,
    )


_BEFORE = (
    (("user", "Hello there, who are you?"), ("assistant", "I am the assistant of this desk.")),
    (("user", "Which languages do you speak?"), ("assistant", "Many of them. How can I help?")),
)
