"""litellm as a client of the gateway, which it takes for an OpenAI-compatible server."""

import json
from typing import Any

import litellm

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises

HELLO = [{"role": "user", "content": trial.QUESTION}]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": trial.PARAMETERS}}]


def ask(case: Trial, **fields: Any) -> Any:
    model = f"openai/{fields.pop('model', case.model)}"
    given = {"api_base": case.url, "api_key": case.key, "max_retries": 0}
    return litellm.completion(**{"model": model, "messages": HELLO, "max_tokens": case.max_tokens, **given, **fields})


def chat(case: Trial) -> None:
    answer = ask(case)
    trial.check_text(case, answer.choices[0].message.content)
    usage = answer.usage
    trial.check_usage(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


async def asynchronous(case: Trial) -> None:
    answer = await litellm.acompletion(
        model=f"openai/{case.model}", messages=HELLO, max_tokens=24, api_base=case.url, api_key=case.key
    )
    trial.check_text(case, answer.choices[0].message.content)


def stream(case: Trial) -> None:
    whole = ask(case, temperature=0, seed=1)
    chunks = list(ask(case, temperature=0, seed=1, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def tools(case: Trial) -> None:
    question = {"role": "user", "content": trial.TOOL_QUESTION}
    message = ask(case, messages=[question], tools=TOOLS, max_tokens=200).choices[0].message
    [call] = message.tool_calls
    trial.check_arguments(json.loads(call.function.arguments))
    said = {"role": "tool", "tool_call_id": call.id, "content": trial.TOOL_ANSWER}
    answer = ask(case, messages=[question, message.model_dump(exclude_none=True), said], tools=TOOLS, max_tokens=200)
    assert trial.TOOL_ANSWER in answer.choices[0].message.content


def forced_tool(case: Trial) -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    [call] = ask(case, tools=TOOLS, tool_choice=choice, max_tokens=200).choices[0].message.tool_calls
    trial.check_arguments(json.loads(call.function.arguments))


def streamed_tools(case: Trial) -> None:
    asked = [{"role": "user", "content": trial.TOOL_QUESTION}]
    chunks = list(ask(case, messages=asked, tools=TOOLS, max_tokens=200, stream=True))
    whole = litellm.stream_chunk_builder(chunks, messages=asked)
    [call] = whole.choices[0].message.tool_calls
    assert whole.choices[0].finish_reason == "tool_calls"
    trial.check_arguments(json.loads(call.function.arguments))


def schema(case: Trial) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": trial.PARAMETERS, "strict": True}}
    answer = ask(case, response_format=wanted, max_tokens=200)
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "days"}


def image(case: Trial) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{trial.IMAGE}"}}
    parts = [{"type": "text", "text": trial.QUESTION}, picture]
    answer = ask(case, messages=[{"role": "user", "content": parts}])
    trial.check_text(case, answer.choices[0].message.content)
    assert answer.usage.prompt_tokens >= ask(case).usage.prompt_tokens + 50


def embeddings(case: Trial) -> None:
    answer = litellm.embedding(
        model=f"openai/{case.embedder}", input=["a lease", "a loan"], api_base=case.url, api_key=case.key
    )
    first, second = (item["embedding"] for item in answer.data)
    assert len(first) == len(second) > 8
    assert first != second


def errors(case: Trial) -> None:
    raises(litellm.AuthenticationError, lambda: ask(case, api_key="hp-0-0"))
    raises(litellm.NotFoundError, lambda: ask(case, model="no-such-model"))
    raises(litellm.BadRequestError, lambda: ask(case, temperature=9))
    raises(litellm.RateLimitError, lambda: ask(case, api_key=case.small_key))
    raises((litellm.ServiceUnavailableError, litellm.InternalServerError), lambda: ask(case, model="down"))


def retries(case: Trial) -> None:
    since = case.fail_once()
    ask(case, model="once", max_retries=1)
    case.check_waited(since)


def timeout(case: Trial) -> None:
    raises(litellm.Timeout, lambda: ask(case, model="silent", timeout=0.3))


def broken_stream(case: Trial) -> None:
    pieces: list[str] = []

    def read() -> None:
        for chunk in ask(case, model="cut", stream=True):
            pieces.extend(choice.delta.content or "" for choice in chunk.choices)

    raises(Exception, read)
    assert "".join(pieces)


if __name__ == "__main__":
    litellm.suppress_debug_info = True
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
            "retries": retries,
            "timeout": timeout,
            "broken_stream": broken_stream,
        }
    )
