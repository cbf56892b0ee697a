"""What a request needs of a model: abilities, and room for prompt and answer."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from homeport.core.routing import Question
from homeport.core.types import CONVERSATIONS, Capability, Inference, Surface, Target

_GENERATING = CONVERSATIONS | {Surface.COMPLETION}
_SAID = ("messages", "input", "prompt")
_ATTACHMENTS = (b"image", b"file", b"document", b"audio")
_NOTHING = frozenset({b"", b"null", b"[]"})
_JSON_FORMATS = (b"json_schema", b"json_object")
_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHARS_PER_TOKEN = 4


def needs(question: Question) -> frozenset[Capability]:
    """What a model must be able to do to answer."""
    fields = question.inference.fields
    if question.inference.surface not in _GENERATING:
        return frozenset()
    found = set()
    if bytes(fields.get("tools", b"")) not in _NOTHING:
        found.add(Capability.TOOLS)
    wanted = bytes(fields.get("response_format", b"")) + bytes(fields.get("text", b""))
    if any(kind in wanted for kind in _JSON_FORMATS):
        found.add(Capability.JSON)
    # A prompt is decoded only where one of these words is somewhere in it: most have none.
    said = [bytes(fields[name]) for name in _SAID if name in fields]
    if any(word in text for text in said for word in _ATTACHMENTS):
        prompt = question.prompt
        found |= {Capability.VISION} if prompt.images else set()
        found |= {Capability.FILES} if prompt.files else set()
    return frozenset(found)


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
