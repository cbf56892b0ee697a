"""What was seen inside a run, as the child tells it. It is read as what comes from outside is: bounded and checked."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from homeport.core.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_JSON = 64 << 20
_MOST_ARRAY = 256 << 20
_ARRAY = "attention.npy"
_MOST_LAYERS = 1_000
_MOST_HEADS = 1_000

Text = Annotated[str, Meta(max_length=4_096)]
Logprob = Annotated[float, Meta(le=1e-3)]


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """A token that could have come, with its log-probability in nats."""

    id: int
    text: Text
    logprob: Logprob


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A token that the model chose by itself."""

    id: int
    text: Text


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the prompt or of the answer.

    Attributes:
        special: of the template, such as the beginning of a turn.
        logprob: in nats, given all before it; None for the first.
        entropy: of what could have come in its place, in nats.
        rank: how many tokens were likelier.
        top: the likeliest tokens, best first.
    """

    id: int
    text: Text
    special: bool
    logprob: Logprob | None
    entropy: float | None
    rank: int | None
    top: tuple[Alternative, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The logit lens at one layer and position: what would be said, and where the token stands that came."""

    logprob: Logprob
    rank: int
    top: tuple[Alternative, ...]


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    kind: Text
    layers: Annotated[int, Meta(ge=1, le=_MOST_LAYERS)]
    heads: Annotated[int, Meta(ge=1, le=_MOST_HEADS)]


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the numbers can be trusted.

    Attributes:
        attention_row_error: the most by which a row of attention weights misses 1.
        lens_last_layer_error: the most by which the lens of the last layer misses the model's own logits.
        no_change_is_the_same: a second run has the same logits, bit for bit.
        scale_one_is_the_same: so has a run with every head multiplied by 1.
    """

    attention_row_error: float
    lens_last_layer_error: float
    no_change_is_the_same: bool
    scale_one_is_the_same: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the answer with heads scaled: the log-probability of each of its tokens, and what is said now."""

    logprobs: tuple[Logprob, ...]
    greedy: tuple[Said, ...]


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """One head removed: by how much the answer's log-probability changed, in nats."""

    layer: int
    head: int
    difference: float


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the attention.

    Attributes:
        rendered: the prompt as the template says it.
        prompt_tokens: of the whole prompt, of which the last `first_answer` were run.
        first_answer: the place of the answer's first token in `tokens`.
        answer_cut: the recorded answer was longer than what was looked at.
        greedy: what the model says by itself, the likeliest token each time.
        norms: of the states before the first layer and after each, by position.
        lens: by layer and by position, from the position that gives the answer's first token.
        window_start: the first position whose attention is kept.
    """

    versions: dict[str, Text]
    model: ModelFacts
    dtype: Text
    rendered: str
    prompt_tokens: int
    first_answer: Annotated[int, Meta(ge=1)]
    answer_cut: bool
    tokens: tuple[Token, ...]
    greedy: tuple[Said, ...]
    norms: tuple[tuple[float, ...], ...]
    lens: tuple[tuple[Seen, ...], ...]
    window_start: Annotated[int, Meta(ge=0)]
    checks: Checks
    change: Change | None
    sweep: tuple[Removed, ...]

    @property
    def answer(self) -> tuple[Token, ...]:
        return self.tokens[self.first_answer :]

    @property
    def answer_logprob(self) -> float:
        """Of the whole answer, in nats."""
        return sum(token.logprob or 0.0 for token in self.answer)


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """Findings and attention.

    Attributes:
        attention: [layers, heads, positions, 1 + positions] of the last positions; the first column is the weight on
            all that came before them.
    """

    findings: Findings
    attention: "NDArray[np.float16]"


def read_inside(folder: Path) -> Inside:
    """What the child left in its folder.

    Raises:
        EngineError: inspect_failed; it is not there, too large, or does not fit together.
    """
    import numpy as np

    try:
        findings = msgspec.json.decode(_bounded(folder / "findings.json", _MOST_JSON), type=Findings)
        with zipfile.ZipFile(io.BytesIO(_bounded(folder / "attention.npz", _MOST_ARRAY))) as archive:
            if archive.getinfo(_ARRAY).file_size > _MOST_ARRAY:
                raise ValueError("too large")
            with archive.open(_ARRAY) as file:
                attention = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise unreadable(type(error).__name__) from error
    if attention.dtype != np.float16 or attention.shape != _shape(findings) or not _fits(findings):
        raise unreadable("parts of different runs")
    return Inside(findings=findings, attention=attention)


def unreadable(why: str) -> EngineError:
    return EngineError(
        f"what was seen inside the model cannot be read: {why}", code="inspect_failed", hint="run it again with --debug"
    )


def _shape(findings: Findings) -> tuple[int, int, int, int]:
    positions = len(findings.tokens) - findings.window_start
    return findings.model.layers, findings.model.heads, positions, positions + 1


def _fits(findings: Findings) -> bool:
    layers, tokens = findings.model.layers, len(findings.tokens)
    norms = len(findings.norms) == layers + 1 and all(len(row) == tokens for row in findings.norms)
    lens = len(findings.lens) == layers and len({len(row) for row in findings.lens}) == 1
    change = findings.change is None or len(findings.change.logprobs) == len(findings.answer)
    told = all(token.logprob is not None for token in findings.tokens[1:])
    return norms and lens and change and told and findings.first_answer <= tokens


def _bounded(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError("too large")
    return data
