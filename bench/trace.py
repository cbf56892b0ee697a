"""Conversations of a recorded trace, told in words of our own.

The trace says of each request which blocks of 512 tokens its prompt is made of, as numbers: two prompts that begin
with the same numbers begin with the same text. Each number becomes a few words here, so that a small model on a CPU
can follow; which request shares how much with which earlier one, and the order in which they came, stay.

Source: Qin and others, "Mooncake: A KVCache-centric Disaggregated Architecture for LLM Serving", 2024.
"""

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

_VOCABULARY = """
time year people way day man thing woman life child world school state family student group country problem hand part
place case week company system program question work night point home water room mother area money story fact month lot
right study book eye job word business issue side kind head house service friend father power hour game line end member
law car city name
"""
_LIVE = 0.35
"""Of the conversations of a sample that many are at their second turn or later at any time, about as in the trace."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a trace.

    Attributes:
        blocks: of its prompt; the first is the system prompt that all share.
        cuts: where its messages end, in blocks; the last is where it ends.
        parent: the place, in the same list, of the request that it goes on from; None for none.
        conversation: the place of the request that it began with.
        answer: tokens of what was said to it.
    """

    blocks: tuple[int, ...]
    cuts: tuple[int, ...]
    parent: int | None
    conversation: int
    answer: int = 0

    def messages(self, words: int, seed: str) -> list[dict[str, str]]:
        """Its prompt as a chat; `seed` makes the same trace another text."""
        told = [{"role": "system", "content": text_of(self.blocks[:1], words, seed)}]
        for number, (start, end) in enumerate(pairwise((1, *self.cuts))):
            blocks = self.blocks[start:end]
            if number:
                told.append({"role": "assistant", "content": text_of(blocks[:1], words, seed)})
                blocks = blocks[1:]
            told.append({"role": "user", "content": text_of(blocks, words, seed) or "Go on."})
        return told


def text_of(blocks: Sequence[int], words: int, seed: str) -> str:
    """So many words for each block."""
    known = _VOCABULARY.split()
    return " ".join(" ".join(random.Random(f"{seed}:{block}").choices(known, k=words)) for block in blocks)


def read_trace(path: Path) -> list[Request]:
    """The requests of a trace in the order in which they came; what has no two whole blocks is left out."""
    with gzip.open(path, "rt") as lines:
        # The last block is not full: it has another number when the prompt goes on, though the text is the same.
        told = [json.loads(line) for line in lines]
    prompts = [(tuple(one["hash_ids"][:-1]), one.get("output_length", 0)) for one in told]
    return list(_linked((blocks, answer) for blocks, answer in prompts if len(blocks) > 1))


def _linked(prompts: Iterator[tuple[tuple[int, ...], int]]) -> Iterator[Request]:
    # A block's number stands for all before it too, so the last one that is known tells the longest beginning.
    last_with: dict[int, int] = {}
    made: list[Request] = []
    for place, (blocks, answer) in enumerate(prompts):
        shared = next((end for end in range(len(blocks), 1, -1) if blocks[end - 1] in last_with), 0)
        parent = last_with[blocks[shared - 1]] if shared else None
        before = made[parent] if parent is not None else None
        kept = tuple(cut for cut in before.cuts if cut < shared) if before is not None else ()
        cuts = (*kept, *((shared,) if shared else ()), *((len(blocks),) if len(blocks) > shared else ()))
        root = before.conversation if before is not None else place
        made.append(Request(blocks=blocks, cuts=cuts, parent=parent, conversation=root, answer=answer))
        last_with.update(dict.fromkeys(blocks[1:], place))
        yield made[-1]


def dialogues(trace: Sequence[Request], *, turns: int, longest: int) -> list[list[Request]]:
    """Conversations of at least so many turns, each turn of which begins with the whole of the one before.

    Args:
        longest: blocks of the longest prompt that is taken.
    """
    following: dict[int, int] = {}
    for place, request in enumerate(trace):
        if request.parent is not None and _extends(request, trace[request.parent]):
            following.setdefault(request.parent, place)
    later = set(following.values())
    chains = (_chain(following, place) for place in range(len(trace)) if place not in later)
    told = ([trace[place] for place in chain] for chain in chains if len(chain) >= turns)
    return [one for one in told if len(one[-1].blocks) <= longest]


def _extends(request: Request, before: Request) -> bool:
    held = len(before.blocks)
    return len(request.blocks) > held and request.blocks[:held] == before.blocks


def _chain(following: Mapping[int, int], place: int) -> list[int]:
    chain = [place]
    while chain[-1] in following:
        chain.append(following[chain[-1]])
    return chain


def sample(trace: Sequence[Request], count: int, *, longest: int, seed: int) -> list[Request]:
    """About `count` requests of conversations with several turns that were held at the same time.

    Args:
        longest: blocks of the longest prompt that is taken.
    """
    by_conversation: dict[int, list[int]] = {}
    for place, request in enumerate(trace):
        by_conversation.setdefault(request.conversation, []).append(place)
    several = [
        places
        for places in by_conversation.values()
        if 1 < len(places) <= count // 4 and all(len(trace[place].blocks) <= longest for place in places)
    ]
    dice = random.Random(seed)
    start = dice.randrange(len(several) // 2)
    taken: list[int] = []
    # One in three that begin after another: so many live at once that they compete for a cache.
    for places in several[start:]:
        if len(taken) >= count:
            break
        if dice.random() < _LIVE:
            taken += places
    return _renumbered(trace, sorted(taken))


def _renumbered(trace: Sequence[Request], places: Sequence[int]) -> list[Request]:
    new = {place: number for number, place in enumerate(places)}
    return [
        msgspec.structs.replace(
            trace[place],
            parent=new[parent] if (parent := trace[place].parent) is not None else None,
            conversation=new[trace[place].conversation],
        )
        for place in places
    ]
