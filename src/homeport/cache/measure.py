"""How a semantic cache would do on labelled pairs of texts: what it serves of both kinds, with intervals."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from homeport.cache.verifier.verify import Verifier
from homeport.cache.wording import has_unseen, is_fresh
from homeport.core.caching import Mode
from homeport.core.errors import ConfigError
from homeport.embeddings.base import Embedder
from homeport.stats.proportions import wilson

PLAIN_COSINE = 0.95
"""What a cache without a verifier serves from on, as most are set."""

_RATES = (0.01, 0.02, 0.05)
_BATCH = 256
_LARGEST = 256 * 1024 * 1024


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """A line of a file of pairs: `b` was asked before and is kept, `a` is asked now."""

    a: str
    b: str
    same_answer: bool
    category: str = ""


class Counts(msgspec.Struct, frozen=True):
    """How many were served, and of how many.

    Attributes:
        hit_rate: share of the pairs with the same answer that were served; None where there is none.
        wrong_serve_rate: share of the pairs with different answers that were served.
        hit_interval, wrong_serve_interval: 95 % intervals, by Wilson.
    """

    same_answer: int
    served: int
    hit_rate: float | None
    hit_interval: tuple[float, float]
    different_answer: int
    served_wrong: int
    wrong_serve_rate: float | None
    wrong_serve_interval: tuple[float, float]


class Measured(Counts, frozen=True):
    """How one way of deciding did.

    Attributes:
        precision: share of what was served that was right; None where nothing was.
        p_chr_auc: area under precision over the share of all pairs served, as ever less similar pairs are served.
        recall_at: by a bound of the wrong-serve rate, the highest hit rate that a threshold of similarity reaches.
    """

    precision: float | None
    p_chr_auc: float
    recall_at: Mapping[str, float]
    by_category: Mapping[str, Counts]


def read_pairs(path: Path) -> Sequence[Pair]:
    """The pairs of a file of JSON lines.

    Raises:
        ConfigError: it cannot be read, is empty, too large or a line is no pair; the message names the line.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _invalid(f"{path} is larger than {_LARGEST >> 20} MiB")
        lines = path.read_bytes().removeprefix(BOM_UTF8).split(b"\n")
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}") from error
    pairs = [_pair(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not pairs:
        raise _invalid(f"{path} has no pairs")
    return pairs


def _pair(line: bytes, where: str) -> Pair:
    try:
        return msgspec.json.decode(line, type=Pair)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(f"{where} is no pair: {error}") from error


def _invalid(message: str) -> ConfigError:
    hint = 'each line is {"a": "asked", "b": "kept", "same_answer": true, "category": "any"}, in UTF-8'
    return ConfigError(message, code="recording_invalid", hint=hint)


def measure(pairs: Sequence[Pair], embedder: Embedder) -> Mapping[str, Measured]:
    """Every mode, and cosine alone as `plain`."""
    cosines = similarities(pairs, embedder)
    verifier = Verifier()

    def served(pair: Pair, cosine: float, mode: Mode) -> bool:
        return not is_barred(pair.a) and not is_barred(pair.b) and verifier.rule(pair.a, pair.b, cosine, mode).same

    ways: Mapping[str, Callable[[Pair, float], bool]] = {
        "strict": lambda pair, cosine: served(pair, cosine, Mode.STRICT),
        "balanced": lambda pair, cosine: served(pair, cosine, Mode.BALANCED),
        "plain": lambda _, cosine: cosine >= PLAIN_COSINE,
    }
    return {name: _measured(pairs, cosines, served, name == "plain") for name, served in ways.items()}


def is_barred(text: str) -> bool:
    """A request with these words is never looked up by what it means, whatever the route says."""
    return not any(map(str.isalnum, text)) or has_unseen(text) or is_fresh(text)


def similarities(pairs: Sequence[Pair], embedder: Embedder) -> Sequence[float]:
    """The cosine of each pair."""
    cosines: list[float] = []
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        asked, kept = embedder.embed([pair.a for pair in batch]), embedder.embed([pair.b for pair in batch])
        cosines += (asked * kept).sum(axis=1).tolist()
    return cosines


def _measured(
    pairs: Sequence[Pair], cosines: Sequence[float], served: Callable[[Pair, float], bool], plain: bool
) -> Measured:
    given = [served(pair, cosine) for pair, cosine in zip(pairs, cosines, strict=True)]
    categories = sorted({pair.category for pair in pairs})
    by_category = {
        name: count((pair, is_given) for pair, is_given in zip(pairs, given, strict=True) if pair.category == name)
        for name in categories
    }
    ranked = sorted(
        ((cosine, pair.same_answer) for pair, cosine, ok in zip(pairs, cosines, given, strict=True) if ok or plain),
        reverse=True,
    )
    every = count(zip(pairs, given, strict=True))
    total = every.served + every.served_wrong
    return Measured(
        **msgspec.structs.asdict(every),
        precision=every.served / total if total else None,
        p_chr_auc=_area([same for _, same in ranked], len(pairs)),
        recall_at={f"{rate:.2f}": _recall(ranked, every, rate) for rate in _RATES},
        by_category=by_category,
    )


def count(rows: Iterable[tuple[Pair, bool]]) -> Counts:
    right: list[bool] = []
    wrong: list[bool] = []
    for pair, given in rows:
        (right if pair.same_answer else wrong).append(given)
    return Counts(
        same_answer=len(right),
        served=sum(right),
        hit_rate=sum(right) / len(right) if right else None,
        hit_interval=wilson(sum(right), len(right)),
        different_answer=len(wrong),
        served_wrong=sum(wrong),
        wrong_serve_rate=sum(wrong) / len(wrong) if wrong else None,
        wrong_serve_interval=wilson(sum(wrong), len(wrong)),
    )


def _area(right: Sequence[bool], of: int) -> float:
    """The sum of the precision after each pair that is served, over all pairs."""
    good, area = 0, 0.0
    for served, is_right in enumerate(right, 1):
        good += is_right
        area += good / served
    return area / of


def _recall(ranked: Sequence[tuple[float, bool]], every: Counts, rate: float) -> float:
    """The most hits before more than this share of the others is served; equal similarities are served together."""
    good = wrong = 0
    best = 0
    for place, (cosine, is_right) in enumerate(ranked):
        good, wrong = good + is_right, wrong + (not is_right)
        last = place + 1 == len(ranked) or ranked[place + 1][0] != cosine
        if last and wrong <= rate * every.different_answer:
            best = good
    return best / every.same_answer if every.same_answer else 0.0
