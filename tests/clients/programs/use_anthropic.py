"""The anthropic package: messages, tokens counted, and what goes wrong."""

from typing import Any

import anthropic
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises

HELLO: Any = [{"role": "user", "content": trial.QUESTION}]
TOOLS: Any = [{"name": "get_weather", "description": "The weather.", "input_schema": trial.PARAMETERS}]


COLD = {"temperature": 0}


class Harbour(BaseModel):
    city: str
    depth_metres: int


def client(case: Trial, **settings: Any) -> Any:
    return anthropic.Anthropic(**{"base_url": case.root, "api_key": case.key, "max_retries": 0, **settings})


def ask(case: Trial, **fields: Any) -> Any:
    return client(case).messages.create(
        **{"model": case.model, "messages": HELLO, "max_tokens": case.max_tokens, **fields}
    )


def chat(case: Trial) -> None:
    answer = ask(case, system="Be brief.")
    [block] = answer.content
    trial.check_text(case, block.text)
    assert (answer.type, answer.role, block.type) == ("message", "assistant", "text")
    assert answer.stop_reason in {"end_turn", "max_tokens"}
    assert answer.model.startswith(case.model)
    assert answer._request_id.startswith("req_")
    trial.check_usage(answer.usage.input_tokens, answer.usage.output_tokens)


async def asynchronous(case: Trial) -> None:
    async with anthropic.AsyncAnthropic(auth_token=case.key, base_url=case.root) as asker:
        async with asker.messages.stream(model=case.model, messages=HELLO, max_tokens=24) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        trial.check_text(case, text)


def stream(case: Trial) -> None:
    whole = ask(case, extra_body=COLD)
    with client(case).messages.stream(
        model=case.model, messages=HELLO, max_tokens=case.max_tokens, extra_body=COLD
    ) as events:
        kinds = [event.type for event in events]
        final = events.get_final_message()
    assert kinds.count("text") > 1
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1
    assert final.content[0].text == whole.content[0].text
    assert final.stop_reason == whole.stop_reason
    trial.check_usage(final.usage.input_tokens, final.usage.output_tokens)
    assert final.usage.output_tokens == whole.usage.output_tokens


def tools(case: Trial) -> None:
    question = {"role": "user", "content": trial.TOOL_QUESTION}
    answer = ask(case, messages=[question], tools=TOOLS, max_tokens=200)
    assert answer.stop_reason == "tool_use"
    [call] = [block for block in answer.content if block.type == "tool_use"]
    assert call.name == "get_weather"
    trial.check_arguments(call.input)
    said = {"type": "tool_result", "tool_use_id": call.id, "content": trial.TOOL_ANSWER}
    turns = [question, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [said]}]
    assert trial.TOOL_ANSWER in ask(case, messages=turns, tools=TOOLS, max_tokens=200).content[-1].text


def forced_tool(case: Trial) -> None:
    choice = {"type": "tool", "name": "get_weather"}
    answer = ask(case, tools=TOOLS, tool_choice=choice, max_tokens=200)
    [call] = [block for block in answer.content if block.type == "tool_use"]
    trial.check_arguments(call.input)


def streamed_tools(case: Trial) -> None:
    asked = {"role": "user", "content": trial.TOOL_QUESTION}
    with client(case).messages.stream(model=case.model, messages=[asked], tools=TOOLS, max_tokens=200) as events:
        kinds = [event.type for event in events]
        final = events.get_final_message()
    assert "input_json" in kinds
    assert final.stop_reason == "tool_use"
    [call] = [block for block in final.content if block.type == "tool_use"]
    trial.check_arguments(call.input)


def schema(case: Trial) -> None:
    answer = client(case).messages.parse(model=case.model, messages=HELLO, max_tokens=200, output_format=Harbour)
    assert isinstance(answer.parsed_output, Harbour)


def image(case: Trial) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": trial.IMAGE}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": trial.QUESTION}]
    with_image = ask(case, messages=[{"role": "user", "content": parts}])
    trial.check_text(case, with_image.content[0].text)
    assert with_image.usage.input_tokens >= ask(case).usage.input_tokens + 50


def count_tokens(case: Trial) -> None:
    counted = client(case).messages.count_tokens(model=case.model, messages=HELLO)
    assert counted.input_tokens > 0


def errors(case: Trial) -> None:
    stranger = client(case, api_key="hp-0-0")
    refused = raises(
        anthropic.AuthenticationError,
        lambda: stranger.messages.create(model=case.model, messages=HELLO, max_tokens=8),
    )
    assert refused.body["error"]["type"] == "authentication_error"
    missing = raises(anthropic.NotFoundError, lambda: ask(case, model="no-such-model"))
    assert missing.body["error"]["type"] == "not_found_error"
    wrong = raises(anthropic.BadRequestError, lambda: ask(case, extra_body={"temperature": 9}))
    assert wrong.body["error"]["type"] == "invalid_request_error"
    assert wrong.request_id.startswith("req_")
    assert raises(anthropic.InternalServerError, lambda: ask(case, model="down")).status_code == 503


def limits(case: Trial) -> None:
    """What no repetition helps is not repeated: `x-should-retry: false`."""
    small = client(case, api_key=case.small_key, max_retries=4)
    limited = raises(
        anthropic.RateLimitError, lambda: small.messages.create(model=case.model, messages=HELLO, max_tokens=64)
    )
    assert limited.body["error"]["type"] == "rate_limit_error"
    assert limited.response.request.headers["x-stainless-retry-count"] == "0"


def retries(case: Trial) -> None:
    since = case.fail_once()
    asker = client(case, max_retries=1)
    answer = asker.messages.with_raw_response.create(model="once", messages=HELLO, max_tokens=8)
    assert answer.retries_taken == 1
    case.check_waited(since)


def timeout(case: Trial) -> None:
    asker = client(case, timeout=0.3)
    raises(anthropic.APITimeoutError, lambda: asker.messages.create(model="silent", messages=HELLO, max_tokens=8))


def broken_stream(case: Trial) -> None:
    """A stream that breaks raises, after what came."""
    pieces: list[str] = []

    def read() -> None:
        with client(case).messages.stream(model="cut", messages=HELLO, max_tokens=64) as events:
            pieces.extend(events.text_stream)

    broken = raises(anthropic.APIStatusError, read)
    assert broken.body["error"]["code"] == "upstream_stream_cut"
    assert "".join(pieces)


if __name__ == "__main__":
    trial.run(
        {
            "chat": chat,
            "async": asynchronous,
            "stream": stream,
            "tools": tools,
            "forced_tool": forced_tool,
            "streamed_tools": streamed_tools,
            "json_schema": schema,
            "image": image,
            "count_tokens": count_tokens,
            "errors": errors,
            "limits": limits,
            "retries": retries,
            "timeout": timeout,
            "broken_stream": broken_stream,
        }
    )
