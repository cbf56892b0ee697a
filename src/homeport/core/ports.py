"""The seams: what the request path needs of the world, as Protocols of a few methods each."""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Raw

from homeport.core.budgets import Account, Grant
from homeport.core.errors import HomeportError
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.core.privacy import Action
from homeport.core.routing import Answer, Decision, Question, Verdict
from homeport.core.types import (
    Allowance,
    Completion,
    ErrorReply,
    Frame,
    Inference,
    Key,
    Receipt,
    Surface,
    Target,
    UpstreamCall,
    Usage,
)


class Clock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since the epoch."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps back."""


class Upstream(Protocol):
    """One place that answers: a remote API or a local engine. One conformance suite covers all of them.

    Both methods raise `UpstreamError` and nothing else; a cancelled call closes its connection.
    """

    async def complete(self, call: UpstreamCall) -> Completion:
        """The whole answer."""

    def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        """Frames as they arrive; a stream that ends before its end raises `StreamCut`."""

    async def close(self) -> None:
        """Give back connections."""


@runtime_checkable
class TokenCounter(Protocol):
    """An `Upstream` that can say how long a prompt is without answering it."""

    async def count_tokens(self, call: UpstreamCall) -> int:
        """Tokens of a prompt in the words of MESSAGES; costs nothing. Raises `UpstreamError`."""


class Health(Protocol):
    """Which upstreams are worth calling now."""

    def ready(self, upstream: str) -> bool: ...

    def report_failure(self, upstream: str) -> None:
        """The request path could not connect: do not wait for the next probe."""

    async def wait_ready(self, upstream: str, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a restarting engine; False if it did not come back."""


class KeyRing(Protocol):
    def find(self, token: str) -> Key | None:
        """The live key of a bearer token; None for unknown, revoked and expired ones."""


class Ticket(Protocol):
    """One request under the limits of its key, from `Limiter.enter` to `leave`."""

    @property
    def allowances(self) -> Sequence[Allowance]:
        """Where the key stands, this request counted."""

    def charge(self, least: int, expected: int) -> None:
        """Count the tokens that the request is expected to use, at least those of its prompt.

        Raises:
            RateLimited: the key's minute has not so many left.
        """

    def leave(self, used: int) -> None:
        """The request has ended: count the tokens that it did use instead. Called once."""


class Limiter(Protocol):
    """Rate limits of keys, the same for every gateway process."""

    def enter(self, key: Key) -> Ticket:
        """Count a request of a key that has limits.

        Raises:
            RateLimited: too many a minute or at once.
            StorageError: the counts cannot be read, so nothing may be let in.
        """


class Policy(Protocol):
    """Orders the targets that are eligible. Pure: same input, same output, until it is told of a decision.

    One with an attribute `keeps_order` that is true is asked about targets that cannot be called now, too.
    """

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision: ...


@runtime_checkable
class Learner(Protocol):
    """A `Policy` that learns from the decisions that were carried out; a dry run tells it nothing."""

    def decided(self, question: Question, eligible: tuple[Target, ...], decision: Decision) -> None: ...

    def resume(self, former: object) -> None:
        """Go on with what the policy of the former configuration knew, where that means the same here."""


class SessionTable(Protocol):
    """What is remembered of conversations, by fingerprint, for a day at most. It may forget, and never fails."""

    def find(self, fingerprint: bytes) -> int:
        """The number that was noted; 0 where there is none."""

    def note(self, fingerprint: bytes, number: int) -> None:
        """Replace what was noted; `number` has 32 bits and is not 0."""


class Judge(Protocol):
    """Looks at answers of a cascade's lower tiers. Pure but for what it learns of the answers that were given."""

    def judge(self, question: Question, target: Target, answer: Answer) -> Verdict: ...

    def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
        """The caller got an answer of `target`; any of `offered` could have given one."""


class GrowingAnswer(Protocol):
    """An answer that comes in pieces. Total: what cannot be read is not there."""

    def feed(self, block: bytes) -> None:
        """Whole server-sent events."""

    def answer(self, *, whole: bool) -> Answer:
        """What was said until now. `whole`: no more will come; one that says why it ended is whole in any case."""


class AnswerReading(Protocol):
    """How the answers of one surface are read. Total, as `GrowingAnswer`."""

    def asking(self, fields: Mapping[str, Raw]) -> Mapping[str, Raw] | None:
        """The fields of a call that asks for log-probabilities too; None where it does, or cannot."""

    def whole(self, body: bytes) -> Answer: ...

    def growing(self) -> GrowingAnswer: ...

    def bare(self, body: bytes) -> bytes:
        """A whole answer without log-probabilities."""

    def bare_events(self, block: bytes) -> bytes:
        """Events of a stream without log-probabilities; all that holds none is as it came."""


class Taints(Protocol):
    """What is remembered of conversations that may not leave, by fingerprint; the same in every process."""

    def of(self, fingerprints: Iterable[bytes]) -> Action:
        """The strictest action that is remembered of any of them; ALLOW where none is.

        Raises:
            StorageError: nobody can say what is remembered.
        """

    def remember(self, fingerprints: Sequence[bytes], action: Action, *, unless: Sequence[bytes] = ()) -> None:
        """Keep an action for each of them, durably before it returns; a stricter one that is remembered stays.

        Args:
            unless: where one of these is kept already, for long enough, nothing more is.

        Raises:
            StorageError: it cannot be kept, or nobody can say what is remembered.
        """


class Pricing(Protocol):
    def cost(self, target: Target, usage: Usage, elapsed_ns: int) -> Nano:
        """What an answer cost; `elapsed_ns` is used for engines that do not report their own time."""


class Bank(Protocol):
    """Leases slices of budgets to processes, so that a cap holds exactly without a database round trip a request.

    A holder is one start of one process; its name is never used again.
    """

    def trade(self, holder: str, account: Account, *, settled: Nano, returned: Nano, need: Nano, want: Nano) -> Grant:
        """One transaction: of the holder's lease `settled` was spent and `returned` is given back; then `want` is
        leased, or what is left of the limit if that is at least `need`. With `need` and `want` 0 it only reports.

        Raises:
            StorageError: the database cannot be asked; nothing has happened.
        """

    def wanted(self, holder: str) -> Collection[tuple[str, str]]:
        """Accounts, as budget id and instance, of which somebody else needs more than is left: one question for all.

        Raises:
            StorageError: the database cannot be asked.
        """


class Recorder(Protocol):
    """Durable before it returns: a record survives kill -9 of this process."""

    def record(self, event: RequestFinished) -> None: ...

    def check_room(self) -> None:
        """Raise `JournalFull` when the next record might not be kept."""


class Observer(Protocol):
    def observe(self, event: RequestFinished) -> None: ...


class AnswerWriter(Protocol):
    """Writes one answer in the caller's words, whatever words it came in. It may keep state between frames."""

    def whole(self, completion: Completion) -> bytes:
        """The body of a whole answer. Raises `BadAnswer` for what cannot be told."""

    def frame(self, frame: Frame) -> bytes:
        """What to send of a stream now; may be empty. Raises `BadAnswer`."""

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        """The frames that end a stream which may not get longer, as at its longest: in the words of the answer.

        Args:
            first: how the stream began.
            usage: what it used until now.
        """

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        """The end of a stream: the frames that were held back, with what the request cost."""

    def error_event(self, error: HomeportError, request_id: str) -> bytes:
        """The end of a stream that broke after its first byte."""


class Dialect(Protocol):
    """How one API family reads requests and writes answers and errors.

    Attributes:
        id_header: the header in which this family's clients look for a request's id.
    """

    id_header: str

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """Raises `InvalidRequest` for whatever is not a request of that surface."""

    def as_chat(self, inference: Inference) -> Mapping[str, Raw]:
        """The same request as the fields of an OpenAI chat. Raises `InvalidRequest` for what that cannot say."""

    def writer(self, inference: Inference, answered: Surface) -> AnswerWriter:
        """For an answer in the words of `answered`: the request's own surface, or CHAT."""

    def error(self, error: HomeportError, request_id: str) -> ErrorReply: ...


class Wire(Protocol):
    """The caller's connection, one response long."""

    async def start(self, status: int, headers: Mapping[str, str]) -> None: ...

    async def send(self, data: bytes) -> None:
        """Returns when the bytes left our buffer, so a slow reader holds the writer back."""

    async def finish(self, data: bytes = b"") -> None:
        """The last bytes."""
