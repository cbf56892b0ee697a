"""Everything that is fuzzed: a name, and a function that raises where something must hold and does not."""

from collections.abc import Callable, Mapping

from tests.fuzz.targets import (
    anthropic,
    depth,
    frames,
    gemini,
    http_client,
    privacy,
    providers,
    responses,
    routing,
    server,
    sse,
)

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "sse": sse.scanner,
    "frames-chat": frames.chat,
    "frames-responses": frames.responses,
    "frames-messages": frames.messages,
    "frames-gemini": frames.gemini,
    "frames-replicate": providers.replicate_text,
    "providers": providers.hostile_answers,
    "http-answers": http_client.answers,
    "http-hostile": http_client.hostile,
    "http-floods": http_client.floods,
    "anthropic-requests": anthropic.requests,
    "anthropic-answers": anthropic.answers,
    "anthropic-nonsense": anthropic.nonsense,
    "gemini-requests": gemini.requests,
    "gemini-answers": gemini.answers,
    "gemini-nonsense": gemini.nonsense,
    "responses-requests": responses.requests,
    "responses-answers": responses.answers,
    "responses-nonsense": responses.nonsense,
    "depth": depth.depth,
    "server-bodies": server.bodies,
    "server-writers": server.writers,
    "server-multipart": server.multipart,
    "server-deadline": server.deadline,
    "server-batch-lines": server.batch_lines,
    "redaction": privacy.redaction,
    "routing-prompts": routing.prompts,
    "routing-parts": routing.parts,
}
