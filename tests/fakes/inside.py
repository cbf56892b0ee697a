"""What was seen inside a small made-up model."""

import numpy as np
from msgspec.structs import replace

from homeport.inspection.findings import (
    Alternative,
    Change,
    Checks,
    Findings,
    Inside,
    ModelFacts,
    Removed,
    Said,
    Seen,
    Token,
)

LAYERS, HEADS = 3, 2
PROMPT = ("<|start|>", "Which", " clause", "?")
ANSWER = (" Clause", " nine", ".")


def findings(
    *, prompt: tuple[str, ...] = PROMPT, answer: tuple[str, ...] = ANSWER, window: int = 96, sweep: bool = True
) -> Findings:
    """Of a run of `prompt` and `answer`, a token each."""
    texts = (*prompt, *answer)
    tokens = tuple(_token(place, text, special=text.startswith("<|")) for place, text in enumerate(texts))
    seen = Seen(logprob=-0.5, rank=1, top=(Alternative(id=1, text=" Clause", logprob=-0.25),))
    return Findings(
        versions={"torch": "2"},
        model=ModelFacts(kind="TinyForCausalLM", layers=LAYERS, heads=HEADS),
        dtype="float32",
        rendered="".join(prompt),
        prompt_tokens=len(prompt),
        first_answer=len(prompt),
        answer_cut=False,
        tokens=tokens,
        greedy=tuple(Said(id=place, text=text) for place, text in enumerate(answer, start=len(prompt))),
        norms=tuple(tuple(1.0 + layer + place for place in range(len(texts))) for layer in range(LAYERS + 1)),
        lens=tuple(tuple(seen for _ in answer or ("",)) for _ in range(LAYERS)),
        window_start=max(0, len(texts) - window),
        checks=Checks(
            attention_row_error=1e-7,
            lens_last_layer_error=1e-5,
            no_change_is_the_same=True,
            scale_one_is_the_same=True,
        ),
        change=None,
        sweep=tuple(Removed(layer=1, head=head, difference=-1.5 * head) for head in range(HEADS)) if sweep else (),
    )


def inside(found: Findings | None = None) -> Inside:
    """With attention that is causal, and whose rows add up to 1."""
    found = found or findings()
    size = len(found.tokens) - found.window_start
    rows = np.tril(np.random.default_rng(1).random((LAYERS, HEADS, size, size)) + 0.01)
    before = np.full((LAYERS, HEADS, size, 1), 0.5 if found.window_start else 0.0)
    rows = rows / rows.sum(-1, keepdims=True) * (1 - before)
    return Inside(findings=found, attention=np.concatenate([before, rows], axis=-1).astype(np.float16))


def changed(found: Findings, by: float = -0.25, said: str = " Clause ten.") -> Findings:
    """With a head changed, and every token of the answer less likely."""
    logprobs = tuple((token.logprob or 0.0) + by for token in found.answer)
    return replace(found, change=Change(logprobs=logprobs, greedy=(Said(id=99, text=said),)))


def _token(place: int, text: str, *, special: bool) -> Token:
    if not place:
        return Token(id=place, text=text, special=special, logprob=None, entropy=None, rank=None, top=())
    top = (Alternative(id=place, text=text, logprob=-0.5), Alternative(id=77, text=" other", logprob=-1.5))
    return Token(id=place, text=text, special=special, logprob=-0.5, entropy=1.25, rank=0, top=top)
