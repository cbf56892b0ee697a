"""Questions with known answers, in families of graded difficulty, from a seed."""

import random
from collections.abc import Callable, Mapping, Sequence

import msgspec

_WORDS = [
    "apple", "river", "stone", "candle", "window", "garden", "silver", "market", "yellow", "pencil", "winter",
    "bridge", "orange", "forest", "doctor", "basket", "planet", "rocket", "guitar", "butter", "castle", "dragon",
    "flower", "hammer", "island", "jacket", "kitten", "ladder", "mirror", "needle",
]  # fmt: skip
_CAPITALS = {
    "France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Egypt": "Cairo",
    "Russia": "Moscow", "Canada": "Ottawa", "Greece": "Athens", "Cuba": "Havana", "Peru": "Lima", "Kenya": "Nairobi",
    "Norway": "Oslo", "Poland": "Warsaw", "Portugal": "Lisbon", "Sweden": "Stockholm", "Thailand": "Bangkok",
    "Turkey": "Ankara", "Austria": "Vienna", "Hungary": "Budapest", "Ireland": "Dublin", "India": "New Delhi",
    "Iraq": "Baghdad", "Iran": "Tehran", "Chile": "Santiago", "Finland": "Helsinki", "Denmark": "Copenhagen",
    "Belgium": "Brussels", "Vietnam": "Hanoi", "Ghana": "Accra", "Nepal": "Kathmandu", "Australia": "Canberra",
    "Uruguay": "Montevideo", "Mongolia": "Ulaanbaatar", "Senegal": "Dakar", "Latvia": "Riga", "Bhutan": "Thimphu",
    "Croatia": "Zagreb", "Bulgaria": "Sofia", "Romania": "Bucharest", "Estonia": "Tallinn", "Slovenia": "Ljubljana",
}  # fmt: skip
_ANTONYMS = {
    "hot": "cold", "big": "small", "up": "down", "day": "night", "fast": "slow", "happy": "sad", "open": "closed",
    "rich": "poor", "old": "young", "light": "dark", "hard": "soft", "full": "empty", "early": "late", "wet": "dry",
    "strong": "weak", "true": "false", "alive": "dead", "left": "right", "cheap": "expensive", "ancient": "modern",
    "victory": "defeat", "arrive": "depart", "expand": "contract", "brave": "cowardly", "shallow": "deep",
    "maximum": "minimum", "accept": "reject", "increase": "decrease", "success": "failure", "guilty": "innocent",
    "generous": "stingy", "humble": "proud", "scarce": "abundant", "temporary": "permanent", "opaque": "transparent",
}  # fmt: skip


class Item(msgspec.Struct, frozen=True):
    """A question of a family, and what answers it."""

    family: str
    question: str
    answer: str


Maker = Callable[[random.Random], tuple[str, str]]


def _sum(rng: random.Random) -> tuple[str, str]:
    top = rng.choice((9, 9, 30, 99, 999))
    first, second = rng.randint(1, top), rng.randint(1, top)
    return f"What is {first} + {second}?", str(first + second)


def _difference(rng: random.Random) -> tuple[str, str]:
    top = rng.choice((9, 20, 99))
    second, first = sorted((rng.randint(1, top), rng.randint(1, top)))
    return f"What is {first} - {second}?", str(first - second)


def _product(rng: random.Random) -> tuple[str, str]:
    top = rng.choice((5, 9, 12, 30))
    first, second = rng.randint(2, top), rng.randint(2, top)
    return f"What is {first} times {second}?", str(first * second)


def _larger(rng: random.Random) -> tuple[str, str]:
    top = rng.choice((10, 100, 10_000))
    first, second = rng.sample(range(1, top), 2)
    return f"Which number is larger, {first} or {second}?", str(max(first, second))


def _copied(rng: random.Random) -> tuple[str, str]:
    words = rng.sample(_WORDS, rng.randint(2, 7))
    return f"Repeat exactly: {' '.join(words)}", " ".join(words)


def _reversed(rng: random.Random) -> tuple[str, str]:
    words = rng.sample(_WORDS, rng.randint(2, 4))
    return f"Write these words in reverse order: {' '.join(words)}", " ".join(reversed(words))


def _sorted(rng: random.Random) -> tuple[str, str]:
    numbers = rng.sample(range(1, rng.choice((10, 50))), rng.randint(2, 4))
    return f"Sort from small to large: {' '.join(map(str, numbers))}", " ".join(map(str, sorted(numbers)))


def _last(rng: random.Random) -> tuple[str, str]:
    words = rng.sample(_WORDS, rng.randint(3, 9))
    which = rng.choice(("first", "last", "second"))
    place = {"first": 0, "last": -1, "second": 1}[which]
    return f"What is the {which} word of this list: {', '.join(words)}?", words[place]


def _counted(rng: random.Random) -> tuple[str, str]:
    words = rng.sample(_WORDS, rng.randint(2, 7))
    return f"How many words are in this list: {', '.join(words)}?", str(len(words))


def _capital(rng: random.Random) -> tuple[str, str]:
    country = rng.choice(list(_CAPITALS))
    return f"What is the capital of {country}?", _CAPITALS[country]


def _opposite(rng: random.Random) -> tuple[str, str]:
    word = rng.choice(list(_ANTONYMS))
    return f"What is the opposite of {word}?", _ANTONYMS[word]


def _compared(rng: random.Random) -> tuple[str, str]:
    top = rng.choice((10, 100, 1_000))
    first, second = rng.sample(range(1, top), 2)
    return f"Is {first} greater than {second}? Answer yes or no.", "yes" if first > second else "no"


def _field(rng: random.Random) -> tuple[str, str]:
    names = rng.sample(_WORDS, rng.randint(2, 6))
    values = {name: rng.randint(1, 999) for name in names}
    asked = rng.choice(names)
    return f"In the JSON {msgspec.json.encode(values).decode()} what is the value of {asked}?", str(values[asked])


FAMILIES: Mapping[str, Maker] = {
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "larger": _larger,
    "copy": _copied,
    "reverse": _reversed,
    "sort": _sorted,
    "list": _last,
    "count": _counted,
    "capital": _capital,
    "antonym": _opposite,
    "compare": _compared,
    "json": _field,
}


def make_questions(count: int, seed: int) -> list[Item]:
    """About `count` different questions, by family."""
    rng = random.Random(seed)
    made: dict[str, Item] = {}
    for family, maker in FAMILIES.items():
        wanted, tries = len(made) + count // len(FAMILIES), 0
        while len(made) < wanted and tries < 50 * count:
            question, answer = maker(rng)
            made.setdefault(question, Item(family, question, answer))
            tries += 1
    return list(made.values())


def make_examples(family: str, count: int, seed: int) -> Sequence[Item]:
    """Solved questions to put before one; of another seed than the questions."""
    rng = random.Random(f"examples {family} {seed}")
    return [Item(family, *FAMILIES[family](rng)) for _ in range(count)]


def is_right(item: Item, said: str) -> bool:
    """Whether an answer's first line that says anything is the answer, or names it before any other candidate."""
    lines = [line for line in said.lower().splitlines() if line.strip()]
    words = _words(lines[0] if lines else "")
    wanted = _words(item.answer.lower())
    if wanted[0].isdigit():
        # What the question said again is no answer: of "7 + 5 = 12" the last numbers count.
        numbers = [word for word in words if word.isdigit()]
        return numbers[-len(wanted) :] == wanted
    if item.answer in ("yes", "no"):
        return words[:1] == wanted
    return words[: len(wanted)] == wanted or words[-len(wanted) :] == wanted


def _words(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text).split()
