"""The openai package: chat completions, embeddings, and what goes wrong."""

import json
from typing import Any, Literal

import openai
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises

HELLO: Any = [{"role": "user", "content": trial.QUESTION}]
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": trial.PARAMETERS}}]


class Harbour(BaseModel):
    city: str
    depth_metres: int
    kind: Literal["sea", "river"]


def client(case: Trial, **settings: Any) -> Any:
    return openai.OpenAI(**{"base_url": case.url, "api_key": case.key, "max_retries": 0, **settings})


def ask(case: Trial, **fields: Any) -> Any:
    return client(case).chat.completions.create(
        **{"model": case.model, "messages": HELLO, "max_tokens": case.max_tokens, **fields}
    )


def chat(case: Trial) -> None:
    answer = ask(case, seed=1, temperature=0)
    [choice] = answer.choices
    trial.check_text(case, choice.message.content)
    assert choice.finish_reason in {"stop", "length"}
    assert (answer.object, choice.message.role) == ("chat.completion", "assistant")
    assert answer.model.startswith(case.model)
    trial.check_usage(answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)


async def asynchronous(case: Trial) -> None:
    asker: Any
    async with openai.AsyncOpenAI(base_url=case.url, api_key=case.key) as asker:
        answer = await asker.chat.completions.create(model=case.model, messages=HELLO, max_tokens=8)
        trial.check_usage(answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)
        async with await asker.chat.completions.create(
            model=case.model, messages=HELLO, max_tokens=64, stream=True
        ) as stream:
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        trial.check_text(case, text)


def stream(case: Trial) -> None:
    whole = ask(case, seed=1, temperature=0)
    chunks = list(ask(case, seed=1, temperature=0, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == whole.choices[0].message.content
    assert [chunk.usage for chunk in chunks].count(None) == len(chunks) - 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert len({chunk.id for chunk in chunks}) == 1
    ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert (ends[-1], set(ends[:-1])) == (whole.choices[0].finish_reason, {None})


def tools(case: Trial) -> None:
    question = {"role": "user", "content": trial.TOOL_QUESTION}
    answer = ask(case, messages=[question], tools=TOOLS, max_tokens=200)
    [choice] = answer.choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    trial.check_arguments(json.loads(call.function.arguments))
    said = {"role": "tool", "tool_call_id": call.id, "content": trial.TOOL_ANSWER}
    answer = ask(case, messages=[question, choice.message, said], tools=TOOLS, max_tokens=200)
    assert trial.TOOL_ANSWER in answer.choices[0].message.content


def forced_tool(case: Trial) -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    answer = ask(case, tools=TOOLS, tool_choice=choice, max_tokens=200)
    [call] = answer.choices[0].message.tool_calls
    trial.check_arguments(json.loads(call.function.arguments))


def streamed_tools(case: Trial) -> None:
    asked = {"role": "user", "content": trial.TOOL_QUESTION}
    with client(case).chat.completions.stream(
        model=case.model, messages=[asked], tools=TOOLS, max_completion_tokens=200
    ) as events:
        kinds = [event.type for event in events]
        final = events.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.delta") >= 1
    assert kinds.count("tool_calls.function.arguments.done") == 1
    [call] = final.choices[0].message.tool_calls
    assert final.choices[0].finish_reason == "tool_calls"
    trial.check_arguments(json.loads(call.function.arguments))


def schema(case: Trial) -> None:
    answer = client(case).chat.completions.parse(
        model=case.model, messages=HELLO, response_format=Harbour, max_tokens=200, temperature=0
    )
    assert isinstance(answer.choices[0].message.parsed, Harbour)


def image(case: Trial) -> None:
    parts = [
        {"type": "text", "text": trial.QUESTION},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{trial.IMAGE}"}},
    ]
    with_image = ask(case, messages=[{"role": "user", "content": parts}])
    trial.check_text(case, with_image.choices[0].message.content)
    assert with_image.usage.prompt_tokens >= ask(case).usage.prompt_tokens + 50


def embeddings(case: Trial) -> None:
    answer = client(case).embeddings.create(model=case.embedder, input=["a lease", "a loan"])
    first, second = (item.embedding for item in answer.data)
    assert len(first) == len(second) > 8
    assert first != second
    assert answer.usage.prompt_tokens > 0


def errors(case: Trial) -> None:
    refused = raises(openai.AuthenticationError, lambda: client(case, api_key="hp-0-0").models.list())
    assert refused.code == "invalid_api_key"
    missing = raises(openai.NotFoundError, lambda: ask(case, model="no-such-model"))
    assert missing.code == "model_not_found"
    wrong = raises(openai.BadRequestError, lambda: ask(case, temperature=9))
    assert (wrong.param, wrong.code) == ("temperature", "invalid_value")
    assert wrong.request_id
    assert raises(openai.InternalServerError, lambda: ask(case, model="down")).status_code == 503


def limits(case: Trial) -> None:
    """What no repetition helps is not repeated: `x-should-retry: false`."""
    small = client(case, api_key=case.small_key, max_retries=4)
    limited = raises(
        openai.RateLimitError, lambda: small.chat.completions.create(model=case.model, messages=HELLO, max_tokens=64)
    )
    assert limited.code == "rate_limit_exceeded"
    assert limited.response.request.headers["x-stainless-retry-count"] == "0"
    busy = raises(openai.RateLimitError, lambda: ask(case, model="busy"))
    assert int(busy.response.headers["retry-after"]) >= 1


def retries(case: Trial) -> None:
    since = case.fail_once()
    asker = client(case, max_retries=1)
    answer = asker.chat.completions.with_raw_response.create(model="once", messages=HELLO, max_tokens=8)
    assert answer.retries_taken == 1
    case.check_waited(since)


def timeout(case: Trial) -> None:
    asker = client(case, timeout=0.3)
    raises(openai.APITimeoutError, lambda: asker.chat.completions.create(model="silent", messages=HELLO))


def broken_stream(case: Trial) -> None:
    """A stream that breaks raises, after what came."""
    pieces: list[str] = []

    def read() -> None:
        for chunk in ask(case, model="cut", stream=True):
            pieces.extend(choice.delta.content or "" for choice in chunk.choices)

    broken = raises(openai.APIError, read)
    assert broken.code == "upstream_stream_cut"
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
            "embeddings": embeddings,
            "errors": errors,
            "limits": limits,
            "retries": retries,
            "timeout": timeout,
            "broken_stream": broken_stream,
        }
    )
