"""A conversation stays with the version of an own engine that it began on, while another takes its place.

The processes of a machine share a table of what each turn was answered by, known by the fingerprints of its messages.
While a version drains, its conversations are found there and go on with it; all others begin with its successor. Two
conversations may begin with the same words, one on each version: what tells them apart is the answer, so answers are
read while a version drains, and at no other time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from homeport.core.errors import CapacityError
from homeport.core.ports import SessionTable
from homeport.core.routing import Answer, Decision, Removed
from homeport.core.types import CONVERSATIONS, Inference, Key, Surface, Target
from homeport.pipeline.sessions import Numbers
from homeport.privacy.fingerprints import fingerprints, followed, named
from homeport.protocols.answers.chat import ChatGrowing

DRAINING = "draining"
OTHER_VERSION = "other_version"
NEW_VERSION = "new_version"
"""The reason that a caller is told whose conversation has outlived its version, with the engine's name."""

_LOOK_BACK = 64
"""Messages since the last turn, as in sessions.py."""


class Hearing:
    """Reads an answer of an own engine as it goes by."""

    def __init__(self, *, stream: bool) -> None:
        self._growing = ChatGrowing("delta" if stream else "message")
        self._stream = stream

    def hear(self, data: bytes) -> None:
        """Whole events of a stream, or all of an answer."""
        if self._stream:
            self._growing.feed(data)
        else:
            self._growing.read(data)

    def message(self) -> Mapping[str, Any]:
        """As a client says it again in the next turn."""
        answer: Answer = self._growing.answer(whole=True)
        calls = [
            {"function": {"name": name, "arguments": arguments}}
            for name, arguments in zip(answer.tools, answer.tool_calls, strict=True)
        ]
        return {"role": "assistant", "content": answer.text, "tool_calls": calls}


class Versions:
    """What versions own engines have now.

    Args:
        targets: all there are, of serving and of draining replicas.
        former: revisions that are gone, by the engine's name.
        on_turn: told the replica at which a conversation goes on that began on a version that drains.
    """

    def __init__(
        self,
        table: SessionTable,
        targets: Sequence[Target],
        former: Mapping[str, Sequence[str]] | None = None,
        on_turn: Callable[[str], None] = lambda _: None,
    ) -> None:
        own = [target for target in targets if target.pool and target.revision]
        gone = {(pool, revision) for pool, revisions in (former or {}).items() for revision in revisions}
        self.table = table
        self.on_turn = on_turn
        self.pools = frozenset(target.pool for target in own)
        self.changing = frozenset(target.pool for target in own if target.draining) | {pool for pool, _ in gone}
        self.numbers = Numbers(_named(*one) for one in {(t.pool, t.revision) for t in own} | gone)
        self.draining = frozenset(_named(target.pool, target.revision) for target in own if target.draining)

    def of(self, inference: Inference, key: Key) -> "Turn | None":
        """One turn of a conversation; None where there are no versions."""
        return Turn(self, inference, key.id) if self.pools else None


class Turn:
    """One request and the versions that may answer it. Read when it is first asked for."""

    def __init__(self, versions: Versions, inference: Inference, scope: str) -> None:
        self._versions = versions
        self._inference = inference
        self._scope = scope
        self._anew: set[str] = set()
        self._chain: tuple[bytes, ...] | None = None

    def choose(self, targets: Sequence[Target]) -> tuple[tuple[Target, ...], tuple[Removed, ...]]:
        """The targets that may answer this turn, and the others.

        Raises:
            CapacityError: engine_draining; all there are drain, and the conversation began on none of them.
        """
        changing = {target.pool for target in targets} & self._versions.changing
        if not changing:
            return tuple(targets), ()
        away = {id(one.target): one for pool in changing for one in self._away(pool, targets)}
        if len(away) == len(targets):
            raise CapacityError(
                "the engine is being taken out of service",
                code="engine_draining",
                hint="call again later, or name another model",
                retry_after=5,
            )
        return tuple(target for target in targets if id(target) not in away), tuple(away.values())

    def told(self, decision: Decision) -> Decision:
        """The decision, with the reason that a conversation begins anew where it does."""
        pool = decision.candidates[0].pool if decision.candidates else ""
        return msgspec.structs.replace(decision, reason=f"{NEW_VERSION}:{pool}") if pool in self._anew else decision

    def taken(self, decision: Decision) -> None:
        """It is about to be sent there."""
        for target in decision.candidates:
            if target.draining:
                self._versions.on_turn(target.upstream)

    def listen(self, target: Target, surface: Surface) -> Hearing | None:
        """What is to hear the answer; None where nobody needs to."""
        hears = target.pool in self._versions.changing and surface is Surface.CHAT
        return Hearing(stream=self._inference.stream) if hears else None

    def answered_by(self, target: Target, heard: Hearing | None) -> None:
        """Keep it for the next turn."""
        if target.pool not in self._versions.pools or not target.revision:
            return
        known, own = self._known(), _named(target.pool, target.revision)
        number = self._versions.numbers.of(own)
        for fingerprint in (*known[-1:], *named(self._inference, self._scope)):
            # The same beginning may be that of a conversation on a version that drains: its answer tells this one.
            other = self._versions.numbers.tier(self._versions.table.find(fingerprint))
            if other == own or other not in self._versions.draining:
                self._versions.table.note(fingerprint, number)
        if heard is not None and known:
            self._versions.table.note(followed(known[-1], heard.message()), number)

    def _away(self, pool: str, targets: Sequence[Target]) -> Iterator[Removed]:
        """The targets of a pool that may not answer it."""
        mine = [target for target in targets if target.pool == pool]
        serving = next((target.revision for target in mine if not target.draining), "")
        begun = self._begun_on(pool)
        if begun and begun != serving and all(target.revision != begun for target in mine):
            self._anew.add(pool)
            begun = ""
        wanted = begun or serving
        for target in mine:
            if target.revision != wanted:
                yield Removed(target, DRAINING if target.draining else OTHER_VERSION)
            elif target.draining and wanted == serving:
                yield Removed(target, DRAINING)

    def _begun_on(self, pool: str) -> str:
        """The revision of a pool that answered an earlier turn; "" for a first one, and where nothing is known."""
        earlier = self._known()[:-1][-_LOOK_BACK:]
        for fingerprint in (*named(self._inference, self._scope), *reversed(earlier)):
            found, _, revision = self._versions.numbers.tier(self._versions.table.find(fingerprint)).rpartition("\0")
            if found == pool and revision:
                return revision
        return ""

    def _known(self) -> tuple[bytes, ...]:
        if self._chain is None:
            talks = self._inference.surface in CONVERSATIONS
            self._chain = fingerprints(self._inference, self._scope) if talks else ()
        return self._chain


def _named(pool: str, revision: str) -> str:
    return f"{pool}\0{revision}"
