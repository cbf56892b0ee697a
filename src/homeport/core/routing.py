"""What routing is asked, and what it answers. Values alone; deciding is pure."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Protocol

import msgspec

from homeport.core.money import Nano
from homeport.core.types import Inference, Target


class Turn(msgspec.Struct, frozen=True):
    """One message: `role` is `system`, `user`, `assistant` or `tool`, whatever the API calls it."""

    role: str
    text: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What routing reads of a request's content.

    Attributes:
        turns: in order; their texts may be cut in the middle where they are very long.
        chars: of all texts, uncut.
        tools: how many tools are offered.
        schema: the answer must follow a JSON schema, or be JSON.
        images, files: attachments.
    """

    turns: tuple[Turn, ...] = ()
    chars: int = 0
    tools: int = 0
    schema: bool = False
    images: int = 0
    files: int = 0


class Facts(Protocol):
    """What is known, at the moment of a decision, of a request and of where it can go."""

    def prompt(self, inference: Inference) -> Prompt:
        """What is said in it. Total: what cannot be read is not there."""

    def draw(self, inference: Inference) -> float:
        """A number in [0, 1), spread evenly over conversations and always the same for the same one."""

    def cost(self, inference: Inference, target: Target, *, warm: bool = False) -> Nano | None:
        """Nano-dollars that it is expected to cost there; None where the target has no price.

        Args:
            warm: the target has the prompt in its cache, but for the last turn.
        """

    def first_token_s(self, target: Target) -> float | None:
        """Seconds within which it begins 19 of 20 answers; None while too few are known."""

    def load(self, target: Target) -> int:
        """Tokens that it works on."""

    def closed(self, target: Target) -> str:
        """The stable code of why it cannot be called at this moment; "" where it can."""


class Question:
    """One request, as a policy may look at it. What takes time to know is worked out when it is asked for.

    Attributes:
        inference: what is asked.

    Args:
        session: the tier that has answered the conversation until now, or "", or what finds it.
    """

    def __init__(self, inference: Inference, facts: Facts, session: str | Callable[[], str] = "") -> None:
        self.inference = inference
        self._facts = facts
        self._session = session

    @cached_property
    def session(self) -> str:
        """The tier that has answered the conversation until now, or ""."""
        return self._session if isinstance(self._session, str) else self._session()

    @cached_property
    def prompt(self) -> Prompt:
        return self._facts.prompt(self.inference)

    @cached_property
    def draw(self) -> float:
        return self._facts.draw(self.inference)

    def cost(self, target: Target) -> Nano | None:
        """As `Facts.cost`: who answered the conversation before has its beginning in the cache."""
        return self._facts.cost(self.inference, target, warm=target.tier == self.session)

    def first_token_s(self, target: Target) -> float | None:
        return self._facts.first_token_s(target)

    def load(self, target: Target) -> int:
        return self._facts.load(target)

    def closed(self, target: Target) -> str:
        return self._facts.closed(target)


class Removed(msgspec.Struct, frozen=True):
    """A target that may not answer, and the stable code of why."""

    target: Target
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a policy decided as it did.

    Attributes:
        version: of the router that scored; 0 for the one that comes with Homeport.
        score: what is compared with `thresholds`, which have the names of the tiers they let a request into.
        features: those that moved the score most, with how much.
        success: the probability that a tier's answer is good enough, by tier.
        explored: it was sent elsewhere than the score says, to learn.
    """

    policy: str
    version: int = 0
    score: float | None = None
    thresholds: Mapping[str, float] = {}
    features: tuple[tuple[str, float], ...] = ()
    success: Mapping[str, float] = {}
    explored: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send a request: candidates in order of preference, with the reason in a few words.

    Attributes:
        propensity: the probability with which the policy chose the first candidate's tier.
        cascade: the answers of all candidates but those of the last tier are looked at before they are given.
    """

    candidates: tuple[Target, ...]
    reason: str
    propensity: float = 1.0
    cascade: bool = False
    explanation: Explanation | None = None

    def pinned(self, model: str) -> "Decision":
        """The same, where the caller named the one model."""
        return msgspec.structs.replace(self, reason=f"pinned:{model}", cascade=False)


class TokenLogprob(msgspec.Struct, frozen=True):
    """A generated token: its log-probability, and that of the best token that was not chosen, where it is told."""

    token: str
    logprob: float
    runner_up: float | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered, as a cascade looks at it.

    Attributes:
        finish: OpenAI's finish reason; "" while the answer still grows.
        tool_calls: the arguments of each, as the model wrote them.
        tools: the name of the tool of each.
        logprobs: empty where they are not told.
        whole: False for the beginning of a stream.
    """

    text: str
    finish: str = ""
    tool_calls: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    whole: bool = True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an answer is given to the caller. `reason` is a stable code, such as `low_confidence`.

    Attributes:
        confidence: the calibrated probability that the answer is right; None where it was not needed or not known.
        threshold: what it was compared with.
        doubtful: the two are so near that further answers of the same model may decide instead.
    """

    accept: bool
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    doubtful: bool = False
