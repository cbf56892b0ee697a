"""The requests that every contender gets: a chat body of 1 KB, whole or as a stream."""

from bench.native import Request

MODEL = "gpt-4.1-mini"
_BODY_BYTES = 1024
_SYSTEM = "You answer questions about contracts in one paragraph, with the clause."
_SENTENCE = "Which obligations of the supplier outlive the end of this agreement, and for how long do they? "


def whole_chat() -> Request:
    """A chat completion; its body is 1 KB, and so is the mock's answer."""
    return Request(name="whole", body=_chat({"max_tokens": 160}))


def eager_stream(chunks: int) -> Request:
    """A stream whose next chunk is written as soon as the last one arrived, so none share a read."""
    return Request(name="eager", body=_chat({"max_tokens": chunks, **_streaming("window=1;")}))


def paced_stream(chunks: int, interval_us: int) -> Request:
    """A stream of one chunk each `interval_us`."""
    return Request(name="paced", body=_chat({"max_tokens": chunks, **_streaming(f"pace_us={interval_us};")}))


def late_stream(chunks: int, steering: str) -> Request:
    """A stream that begins when `steering` says so."""
    return Request(name="late", body=_chat({"max_tokens": chunks, **_streaming(steering)}))


def prompt_chars(request: Request) -> int:
    """Characters of its messages."""
    messages = request.body["messages"]
    assert isinstance(messages, list)
    return sum(len(message["content"]) for message in messages)


def embedding() -> dict[str, object]:
    """The body of an embeddings request."""
    return {"model": MODEL, "input": "Which obligations outlive the agreement?"}


def chat(steering: str = "", chunks: int = 0) -> dict[str, object]:
    """A short chat body; with `chunks` a stream. `steering` tells the mock what to do (mock_upstream.c)."""
    body: dict[str, object] = {"model": MODEL, "messages": [{"role": "user", "content": _SENTENCE}]}
    if steering:
        body["user"] = steering
    return {**body, "stream": True, "max_tokens": chunks} if chunks else body


def _streaming(steering: str) -> dict[str, object]:
    return {"stream": True, "stream_options": {"include_usage": True}, "user": steering}


def _chat(extra: dict[str, object]) -> dict[str, object]:
    def asking(question: str) -> dict[str, object]:
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]
        return {"model": MODEL, "messages": messages, "temperature": 0.2, **extra}

    missing = _BODY_BYTES - len(Request(name="", body=asking("")).encoded)
    return asking((_SENTENCE * (missing // len(_SENTENCE) + 1))[:missing])
