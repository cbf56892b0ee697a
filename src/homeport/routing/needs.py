"""What a request needs of a model: abilities, and room for prompt and answer."""

import re
from collections.abc import Collection, Mapping

import msgspec
from msgspec import Raw

from homeport.core.routing import Question
from homeport.core.types import CONVERSATIONS, Capability, Inference, Surface, Target

_GENERATING = CONVERSATIONS | {Surface.COMPLETION}
_SAID = ("messages", "input", "prompt")
_ATTACHMENTS = (b"image", b"file", b"document", b"audio")
_TYPED = re.compile(rb'"type"')
_NOTHING = frozenset({b"", b"null", b"[]"})
_JSON_FORMATS = (b"json_schema", b"json_object")
_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHARS_PER_TOKEN = 4


def needs(question: Question, among: Collection[Capability] = tuple(Capability)) -> frozenset[Capability]:
    """What a model must be able to do to answer.

    Args:
        among: those that are asked about; what nobody lacks need not be looked for.
    """
    fields = question.inference.fields
    if question.inference.surface not in _GENERATING:
        return frozenset()
    found = set()
    if Capability.TOOLS in among and bytes(fields.get("tools", b"")) not in _NOTHING:
        found.add(Capability.TOOLS)
    if Capability.JSON in among:
        wanted = bytes(fields.get("response_format", b"")) + bytes(fields.get("text", b""))
        found |= {Capability.JSON} if any(kind in wanted for kind in _JSON_FORMATS) else set()
    if (Capability.VISION in among or Capability.FILES in among) and _may_attach(fields):
        prompt = question.prompt
        found |= {Capability.VISION} if prompt.images else set()
        found |= {Capability.FILES} if prompt.files else set()
    return frozenset(found)


def _may_attach(fields: Mapping[str, Raw]) -> bool:
    """Whether a prompt must be decoded to know of its attachments: each is in an object with a type."""
    for name in _SAID:
        if name in fields and _TYPED.search(memoryview(fields[name])):
            text = bytes(fields[name])
            if any(word in text for word in _ATTACHMENTS):
                return True
    return False


def fits(inference: Inference, target: Target) -> bool:
    """Whether prompt and answer have room in the target's context, by an estimate of the prompt.

    The caller's bound on the answer counts with half of the context at most: a bound that no answer
    ever reaches must not keep a request from a model that would answer it.
    """
    context = target.context_tokens
    if context is None or inference.surface not in _GENERATING:
        return True
    prompt = inference.input_chars // _CHARS_PER_TOKEN
    if prompt > context:
        return False
    return prompt + min(_bound(inference.fields), context // 2) <= context


def _bound(fields: Mapping[str, Raw]) -> int:
    """The longest answer that the caller wants, in tokens; 0 where nothing says so."""
    for name in _BOUNDS:
        try:
            if name in fields and (bound := msgspec.json.decode(fields[name], type=int | None)):
                return max(0, bound)
        except msgspec.DecodeError:
            continue
    return 0
