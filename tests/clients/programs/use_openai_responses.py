"""The openai package: responses."""

import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises

TOOLS: Any = [{"type": "function", "name": "get_weather", "parameters": trial.PARAMETERS, "strict": True}]


class Harbour(BaseModel):
    city: str
    depth_metres: int


def client(case: Trial, **settings: Any) -> Any:
    return openai.OpenAI(**{"base_url": case.url, "api_key": case.key, "max_retries": 0, **settings})


def ask(case: Trial, **fields: Any) -> Any:
    asked = {"model": case.model, "input": trial.QUESTION, "max_output_tokens": case.max_tokens, **fields}
    return client(case).responses.create(**asked)


def chat(case: Trial) -> None:
    answer = ask(case)
    trial.check_text(case, answer.output_text)
    assert answer.status in {"completed", "incomplete"}
    assert answer.id.startswith("resp_")
    trial.check_usage(answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens)


async def asynchronous(case: Trial) -> None:
    asker: Any
    async with openai.AsyncOpenAI(base_url=case.url, api_key=case.key) as asker:
        answer = await asker.responses.create(model=case.model, input=trial.QUESTION, max_output_tokens=24)
    trial.check_text(case, answer.output_text)


def stream(case: Trial) -> None:
    whole = ask(case, temperature=0)
    events = list(ask(case, temperature=0, stream=True))
    assert events[0].type == "response.created"
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == f"response.{whole.status}"
    final = events[-1].response
    assert final.output_text == whole.output_text
    assert final.usage.output_tokens == whole.usage.output_tokens


def tools(case: Trial) -> None:
    question = {"role": "user", "content": trial.TOOL_QUESTION}
    first = ask(case, input=[question], tools=TOOLS, max_output_tokens=200)
    [call] = [item for item in first.output if item.type == "function_call"]
    trial.check_arguments(json.loads(call.arguments))
    said = {"type": "function_call_output", "call_id": call.call_id, "output": trial.TOOL_ANSWER}
    second = ask(case, input=[question, *first.output, said], tools=TOOLS, max_output_tokens=200)
    assert trial.TOOL_ANSWER in second.output_text


def forced_tool(case: Trial) -> None:
    choice = {"type": "function", "name": "get_weather"}
    answer = ask(case, tools=TOOLS, tool_choice=choice, max_output_tokens=200)
    [call] = [item for item in answer.output if item.type == "function_call"]
    trial.check_arguments(json.loads(call.arguments))


def streamed_tools(case: Trial) -> None:
    asked = [{"role": "user", "content": trial.TOOL_QUESTION}]
    with client(case).responses.stream(model=case.model, input=asked, tools=TOOLS, max_output_tokens=200) as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert kinds.count("response.function_call_arguments.delta") >= 1
    assert kinds.count("response.function_call_arguments.done") == 1
    [call] = [item for item in final.output if item.type == "function_call"]
    trial.check_arguments(json.loads(call.arguments))


def schema(case: Trial) -> None:
    answer = client(case).responses.parse(
        model=case.model, input=trial.QUESTION, text_format=Harbour, max_output_tokens=200
    )
    assert isinstance(answer.output_parsed, Harbour)


def image(case: Trial) -> None:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{trial.IMAGE}", "detail": "auto"}
    parts = [{"type": "input_text", "text": trial.QUESTION}, picture]
    with_image = ask(case, input=[{"role": "user", "content": parts}])
    trial.check_text(case, with_image.output_text)
    assert with_image.usage.input_tokens >= ask(case).usage.input_tokens + 50


def errors(case: Trial) -> None:
    stranger = client(case, api_key="hp-0-0")
    raises(openai.AuthenticationError, lambda: stranger.responses.create(model=case.model, input="Hello"))
    missing = raises(openai.NotFoundError, lambda: ask(case, model="no-such-model"))
    assert missing.code == "model_not_found"
    wrong = raises(openai.BadRequestError, lambda: ask(case, temperature=9))
    assert wrong.param == "temperature"
    raises(openai.InternalServerError, lambda: ask(case, model="down"))


def limits(case: Trial) -> None:
    small = client(case, api_key=case.small_key, max_retries=4)
    limited = raises(openai.RateLimitError, lambda: small.responses.create(model=case.model, input=trial.QUESTION))
    assert limited.response.request.headers["x-stainless-retry-count"] == "0"


def retries(case: Trial) -> None:
    since = case.fail_once()
    asked = client(case, max_retries=1).responses.with_raw_response.create(model="once", input="Hello")
    assert asked.retries_taken == 1
    case.check_waited(since)


def timeout(case: Trial) -> None:
    asker = client(case, timeout=0.3)
    raises(openai.APITimeoutError, lambda: asker.responses.create(model="silent", input="Hello"))


def broken_stream(case: Trial) -> None:
    """A stream that breaks ends in an event that says so, or raises."""
    seen: list[Any] = []

    def read() -> None:
        for event in ask(case, model="cut", stream=True):
            seen.append(event)
            if event.type in {"error", "response.failed"}:
                raise openai.OpenAIError(event.type)

    raises(openai.OpenAIError, read)
    assert any(event.type == "response.output_text.delta" for event in seen)
    assert not any(event.type == "response.completed" for event in seen)


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
            "errors": errors,
            "limits": limits,
            "retries": retries,
            "timeout": timeout,
            "broken_stream": broken_stream,
        }
    )
