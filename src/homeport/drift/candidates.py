"""Prompts among which border inputs are looked for: made up here, or lines of a file; and small edits of them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from homeport.core.errors import ConfigError

MOST = 20_000
_MOST_BYTES = 8 << 20
_LONGEST = 2_000
_LEAST = 40

_THINGS = (
    "bread", "rain", "a river", "a stone", "the moon", "a violin", "salt", "a clock", "winter", "a bridge", "copper",
    "a letter", "smoke", "a horse", "glass", "thunder", "a garden", "silk", "a lamp", "the sea", "honey", "a wheel",
    "paper", "a fox", "iron", "a mirror", "wool", "a candle", "sand", "a door", "tea", "a mountain", "a shadow", "ice",
    "a bell", "an apple", "a train", "a feather", "chess", "a map", "a storm", "leather", "a whale", "dust", "a key",
)  # fmt: skip
_TRAITS = (
    "older", "softer", "more useful", "louder", "heavier", "more beautiful", "stranger", "warmer", "more expensive",
    "slower", "brighter", "more dangerous", "simpler", "rarer", "more honest", "lonelier", "sweeter", "more modern",
)  # fmt: skip
_PEOPLE = (
    "a sailor", "a child", "a judge", "a farmer", "a poet", "a nurse", "a king", "a thief", "a baker", "a teacher",
    "a soldier", "a painter", "a widow", "a clerk", "a pilot", "a monk", "a doctor", "a stranger",
)  # fmt: skip
_KINDS = (
    "a colour", "an animal", "a city", "a fruit", "a tool", "a month", "a metal", "a river", "a feeling", "a sport",
    "a country", "a flower", "a drink", "a language", "a number", "a planet", "a profession", "a dish",
)  # fmt: skip
_FORMS = (
    "Which is {trait}, {one} or {other}? Answer with one word.",
    "True or false: {one} is {trait} than {other}.",
    "Is {one} {trait} than {other}? Answer yes or no.",
    "Name {kind} that goes with {one}.",
    "Name {kind} that {person} would choose. One word only.",
    "Continue the sentence: {person} looked at {one} and",
    "Finish this line: the {trait} of the two was",
    "What does {person} do with {one}? One word.",
    "Write the first word of a story about {one} and {other}.",
    "Describe {one} in one word.",
    "Guess what {person} thinks of {one}: good or bad?",
    "{one}, {other}, and",
    "Translate into French: {one}.",
    "On a scale from 1 to 9, how {trait} is {one}? Only the number.",
    "Who would win, {person} or {one}?",
    "Give {kind} that begins with the same letter as {one}.",
)


def made_up(seed: int) -> Iterator[str]:
    """Short prompts without end, each once, the same for a seed: most have many answers that are as good."""
    rng, seen = Random(seed), set[str]()  # noqa: S311  nothing secret is made of it
    while True:
        one, other = rng.sample(_THINGS, 2)
        words = {"one": one, "other": other, "trait": rng.choice(_TRAITS), "person": rng.choice(_PEOPLE)}
        prompt = rng.choice(_FORMS).format(**words, kind=rng.choice(_KINDS))
        if prompt not in seen:
            seen.add(prompt)
            yield prompt


def candidates(count: int, seed: int, path: Path | None = None) -> tuple[str, ...]:
    """So many prompts at most: the lines of a file, or made up.

    Raises:
        ConfigError: candidates_invalid, with the line.
    """
    return tuple(islice(made_up(seed) if path is None else _read(path), count))


def _read(path: Path) -> Sequence[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise _invalid(f"{path} cannot be read: {error}") from error
    if len(text) > _MOST_BYTES:
        raise _invalid(f"{path} has more than {_MOST_BYTES:,} bytes")
    found = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    for number, line in enumerate(found, 1):
        if len(line) > _LONGEST or not line.isprintable():
            raise _invalid(
                f"{path}, prompt {number}, has more than {_LONGEST:,} characters, or such as are not printed"
            )
    if not _LEAST <= len(found) <= MOST:
        raise _invalid(f"{path} has {len(found):,} prompts: it needs {_LEAST} to {MOST:,}")
    return found


def edits(prompt: str) -> tuple[str, ...]:
    """The prompt, and the same in seven other ways that mean the same."""
    bare = prompt.rstrip(".?!: ")
    return (
        prompt,
        f"{prompt} ",
        bare,
        f" {prompt}",
        f"{prompt}\n",
        f"Please: {prompt}",
        f"{bare}...",
        f'"{prompt}"',
    )


def _invalid(problem: str) -> ConfigError:
    return ConfigError(
        problem[:600], code="candidates_invalid", hint="a file of candidates has a short prompt on each line"
    )
