"""What the tests of replays share: streams as bytes, and what a whole answer says."""

import json
from collections.abc import Sequence
from typing import Any

from homeport.core.types import Frame, Surface
from homeport.protocols.replay.replays import Admission, replays

REPLAYS = replays()
CHAT, COMPLETION = REPLAYS[Surface.CHAT], REPLAYS[Surface.COMPLETION]
MESSAGES, RESPONSES = REPLAYS[Surface.MESSAGES], REPLAYS[Surface.RESPONSES]
ADMISSION = Admission()


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def decoded(body: bytes | None) -> Any:
    assert body is not None
    return json.loads(body)


def stream(*events: Any, done: bool = True, named: bool = False) -> bytes:
    """Events as the API sends them; a chat's end in `[DONE]`."""
    names = [f"event: {event['type']}\n".encode() if named else b"" for event in events]
    told = [name + b"data: " + encoded(event) + b"\n\n" for name, event in zip(names, events, strict=True)]
    return b"".join(told) + (b"data: [DONE]\n\n" if done and not named else b"")


def joined(frames: Sequence[Frame] | None) -> bytes:
    assert frames is not None
    return b"".join(frame.data for frame in frames)


def chunks_of(frames: Sequence[Frame] | None) -> list[dict[str, Any]]:
    """The chunks or events in frames."""
    lines = joined(frames).decode().split("\n")
    datas = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(data) for data in datas if data != "[DONE]"]
