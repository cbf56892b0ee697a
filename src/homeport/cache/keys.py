"""Under which keys an answer is kept: of all that it depends on, so that nobody is given what another was told.

Two requests share an entry only where all of this is the same: who may see the answer, the model with its upstream
and revision, the surface, the rule, both corpora, the privacy classes, and every field of the body but `model` (the
target stands for it), `stream` and `stream_options`. They share a partition where all of it but the user's last words
is.

A field is taken as its JSON without white space: what is written in another way (1 and 1.0, "A" and "\\u0041", fields
in another order or named twice) is another request, for an upstream may read it in another way. That is a miss at
worst. Every part has its length before it, so no two lists of parts are the same bytes, whatever is in them; and keys
are made with a secret (HMAC-SHA256, RFC 2104), so nobody can tell a request from a key, or make two that collide.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from homeport.cache.eligibility import Form, Said, barred, is_stored, last_words
from homeport.core.caching import CacheRule, Mode, Place, Sharing
from homeport.core.privacy import Action, Assessment
from homeport.core.types import DataClass, Inference, Key, Surface, Target

SIZE = 16
"""Bytes of a key."""

_FORMAT = b"homeport cache 1"
_NOT_IN_IT = frozenset({"model", "stream", "stream_options"})
_GENERATING = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.RESPONSES, Surface.MESSAGES})
_INSTRUCTIONS = frozenset({"system", "developer"})
_WRONG = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Uncached(msgspec.Struct, frozen=True):
    """A request that no cache answers; `reason` is a stable code, see `eligibility.barred` and `last_words`."""

    reason: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as caches see it.

    Attributes:
        tenant: whose quota an answer to it counts against.
        sharing: as it is applied: what is private is its key's alone.
        persistent: an answer may be written to the database.
        text: the user's last words; "" where only the very same request will do.
        mode: how far another text may differ; OFF where `text` is "".
        semantic: why only the very same request will do, as a stable code; "" where others may.
        whole: a digest of all that is asked; `group` of it without `text`, `prompt` of the system prompt.
        keeper: the key's id where an upstream that understands the surface would keep the answer, else "".
    """

    tenant: str
    sharing: Sharing
    persistent: bool
    text: str
    mode: Mode
    semantic: str
    surface: Surface
    whole: bytes
    group: bytes
    prompt: bytes
    keeper: str
    secret: "_Secret"

    def at(self, target: Target, *, judged: bool = False) -> Place:
        """Where an answer by `target` belongs.

        Args:
            judged: a cascade looked at it, and gave it: whoever asks for that is not given what nobody looked at.
        """
        by = [target.name, target.origin, target.model, target.revision, "judged" if judged else ""]
        is_kept = bool(self.keeper) and target.answers(self.surface) is self.surface
        parts = [*map(_bytes, by), _bytes(self.keeper if is_kept else "")]
        # What the upstream keeps says other words, and its id is known to the caller.
        text = "" if is_kept else self.text
        return Place(
            id=self.secret.sign(b"id", self.whole, *parts),
            partition=self.secret.sign(b"partition", self.group if text else self.whole, *parts),
            prompt=self.prompt,
            text=text,
            mode=self.mode if text else Mode.OFF,
        )


class Keys:
    """Makes the keys of one installation.

    Args:
        secret: at least 16 bytes, the same in every process, and never told.
        embedder: the name of what compares texts, with its version; "" where nothing does.
    """

    def __init__(self, secret: bytes, embedder: str = "") -> None:
        self._secret = _Secret(secret)
        self._embedder = embedder

    def read(
        self,
        inference: Inference,
        key: Key,
        rule: CacheRule,
        assessment: Assessment,
        *,
        corpus: str = "",
        end_user: str = "",
        batch: bool = False,
    ) -> Asked | Uncached:
        """What a request asks of caches. Pure and total.

        Args:
            corpus: the version of what the answer is made from, as the caller says.
            end_user: whom it is for, by header or body; people who share a key do not share answers.
            batch: a line of a batch asks, so only the very same request will do.
        """
        try:
            form = _canonical(inference)
        except _WRONG:
            return Uncached("unreadable")
        if reason := barred(inference, form, rule):
            return Uncached(reason)
        is_private = assessment.action is not Action.ALLOW or assessment.data_class is not DataClass.OPEN
        sharing = Sharing.KEY if is_private else rule.sharing
        said = self._said(inference, form, rule, assessment, sharing, batch=batch, is_private=is_private)
        if isinstance(said, str) and not rule.exact:
            return Uncached(said)
        base = _base(inference, key, rule, assessment, sharing, corpus, end_user)
        plain = None if isinstance(said, str) else said
        return Asked(
            tenant=key.id if sharing is Sharing.KEY else f"project:{key.project}",
            sharing=sharing,
            persistent=not is_private,
            text="" if plain is None else plain.text,
            mode=Mode.OFF if plain is None else rule.semantic,
            semantic=said if isinstance(said, str) else "",
            surface=inference.surface,
            whole=_digest([base, _fields(form)]),
            group=b"" if plain is None else _digest([base, _bytes(self._embedder), _fields(form, plain)]),
            prompt=self.prompt(*_system(form)),
            keeper=key.id if is_stored(inference, form) else "",
            secret=self._secret,
        )

    def prompt(self, *texts: str) -> bytes:
        """The digest of a system prompt; of each system message, or each of its parts, one text."""
        return self._secret.sign(b"prompt", *map(_bytes, texts))

    def _said(
        self,
        inference: Inference,
        form: Form,
        rule: CacheRule,
        assessment: Assessment,
        sharing: Sharing,
        *,
        batch: bool,
        is_private: bool,
    ) -> Said | str:
        """As `last_words`, with three more codes: no_embedder, private and batch."""
        if rule.semantic is not Mode.OFF:
            if is_private:
                return "private"
            if batch:
                return "batch"
            if not self._embedder:
                return "no_embedder"
            if assessment.found and sharing is not Sharing.KEY:
                return "personal"
        return last_words(inference, form, rule, sharing)


class _Secret:
    """Signs; it shows nothing of itself."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SIZE:
            raise ValueError(f"a secret of {SIZE} bytes or more is needed")
        self._secret = secret

    def sign(self, *parts: bytes) -> bytes:
        return hmac.digest(self._secret, _packed(parts), "sha256")[:SIZE]


def _canonical(inference: Inference) -> dict[str, bytes]:
    """The fields that an answer depends on, each without white space."""
    left_out = _NOT_IN_IT if inference.surface in _GENERATING else {"model"}
    return {
        name: msgspec.json.format(bytes(raw), indent=-1)
        for name, raw in sorted(inference.fields.items())
        if name not in left_out
    }


def _base(
    inference: Inference,
    key: Key,
    rule: CacheRule,
    assessment: Assessment,
    sharing: Sharing,
    corpus: str,
    end_user: str,
) -> bytes:
    """All but the fields and the target: who may see an answer, by which rule, of what kind of content."""
    seen_by = {
        Sharing.KEY: [key.id, end_user],
        Sharing.PROJECT: [key.project],
        Sharing.EVERYONE: [],
    }[sharing]
    # An entry lives as long as the rule says by which it was kept, and aliases hold for a mode.
    ruled = [rule.name, str(rule.ttl_s), rule.semantic.value, rule.corpus]
    classes = [assessment.action.value, assessment.data_class.value, *assessment.classes]
    found = assessment.found if assessment.action is not Action.ALLOW else ()
    texts = ([sharing.value, *seen_by], ruled, [corpus], [inference.surface.value], classes, found)
    return _packed([_FORMAT, *(_packed(map(_bytes, part)) for part in texts)])


def _fields(form: Mapping[str, bytes], said: Said | None = None) -> bytes:
    """All fields by name; without the last words of what is said."""
    return _packed(part for name, value in form.items() for part in (_bytes(name), *_value(name, value, said)))


def _value(name: str, value: bytes, said: Said | None) -> Iterator[bytes]:
    if said is not None and name == said.field:
        yield b"before the user"
        yield _packed(said.before)
    else:
        yield b"value"
        yield value


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


_MESSAGES = msgspec.json.Decoder(list[_Message])


class _Part(msgspec.Struct):
    text: str


_CONTENT = msgspec.json.Decoder(str | list[_Part] | None)


def _system(form: Form) -> Iterator[str]:
    """The texts of the system prompt; what cannot be read is told as it is written."""
    for name in ("system", "instructions"):
        if name in form:
            yield from _texts(form[name])
    for name in ("messages", "input"):
        if form.get(name, b"").startswith(b"["):
            for message in _messages(form[name]):
                if message.role in _INSTRUCTIONS:
                    yield from _texts(bytes(message.content))


def _messages(raw: bytes) -> list[_Message]:
    try:
        return _MESSAGES.decode(raw)
    except _WRONG:
        return []


def _texts(raw: bytes) -> Iterator[str]:
    try:
        content = _CONTENT.decode(raw)
    except _WRONG:
        yield raw.decode("utf-8", "replace")
        return
    if isinstance(content, str):
        yield content
    else:
        yield from (part.text for part in content or ())


def _digest(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(_packed(parts)).digest()


def _packed(parts: Iterable[bytes]) -> bytes:
    """One piece of bytes that no other list of parts gives: each part after its length."""
    listed = list(parts)
    return b"".join([len(listed).to_bytes(8), *(len(part).to_bytes(8) + part for part in listed)])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
