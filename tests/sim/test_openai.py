"""OpenAI's dialect, as the openai package reads it."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from homeport.sim.server import SimServer
from tests.fakes.sim import CHAT, STREAM, ask

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2},
        "unit": {"enum": ["C", "F"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
    },
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
OTHER = {"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object"}}}


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def client(sim: SimServer) -> AsyncIterator[Any]:
    """`Any`, for the package's overloads want typed dictionaries that say nothing to these tests."""
    async with openai.AsyncOpenAI(base_url=f"{sim.url}/v1", api_key="k", max_retries=0) as client:
        yield client


async def test_chat(client: Any) -> None:
    answer = await client.chat.completions.create(model="m", messages=user("hi"), n=2)
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "stop"]
    assert all(choice.message.content.startswith("Simulated: no model was called.") for choice in answer.choices)
    assert answer.usage.completion_tokens == 96
    assert answer.model == "m"


async def test_a_stream_says_what_the_whole_says(client: Any) -> None:
    fields = {"model": "m", "messages": user("hi"), "n": 2, "seed": 3, "max_tokens": 30}
    whole = await client.chat.completions.create(**fields)
    stream = await client.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    for index in range(2):
        mine = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert "".join(choice.delta.content or "" for choice in mine) == whole.choices[index].message.content
        assert [choice.finish_reason for choice in mine if choice.finish_reason] == ["length"]
    assert chunks[-1].usage == whole.usage


async def test_a_tool_is_called_where_the_user_asks_for_it(client: Any) -> None:
    for text in ("What is the weather in Rome?", "call get_weather", "Use a tool, please"):
        answer = await client.chat.completions.create(model="m", messages=user(text), tools=[TOOL, OTHER])
        [call] = answer.choices[0].message.tool_calls
        assert (call.function.name, answer.choices[0].finish_reason) == ("get_weather", "tool_calls")
        said = json.loads(call.function.arguments)
        assert set(said) == {"city", "unit", "days"}
        assert said["unit"] in "CF"
        assert 1 <= said["days"] <= 7


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"messages": user("hello")}, []),
        ({"messages": user("hello"), "tool_choice": "required"}, ["get_weather"]),
        (
            {"messages": user("hello"), "tool_choice": {"type": "function", "function": {"name": "send_mail"}}},
            ["send_mail"],
        ),
        ({"messages": user("the weather"), "tool_choice": "none"}, []),
        ({"messages": user("get_weather, then send_mail")}, ["get_weather", "send_mail"]),
        ({"messages": user("get_weather, then send_mail"), "parallel_tool_calls": False}, ["get_weather"]),
    ],
)
async def test_which_tools_are_called(client: Any, fields: dict[str, Any], names: list[str]) -> None:
    fields = {"model": "m", "tools": [TOOL, OTHER], **fields}
    answer = await client.chat.completions.create(**fields)
    called = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in called] == names
    assert len({call.id for call in called}) == len(names)
    async with client.chat.completions.stream(**fields) as stream:
        final = await stream.get_final_completion()
    streamed = final.choices[0].message.tool_calls or []
    assert [(call.id, call.function.arguments) for call in streamed] == [
        (call.id, call.function.arguments) for call in called
    ]


async def test_after_a_tools_answer_there_is_text(client: Any) -> None:
    messages: list[Any] = user("the weather?")
    first = await client.chat.completions.create(model="m", messages=messages, tools=[TOOL])
    call = first.choices[0].message.tool_calls[0]
    messages += [first.choices[0].message.model_dump(exclude_none=True)]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    second = await client.chat.completions.create(model="m", messages=messages, tools=[TOOL])
    assert "12 degrees" in second.choices[0].message.content
    messages[-1]["tool_call_id"] = "another"
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="m", messages=messages, tools=[TOOL])


async def test_json_by_a_schema(client: Any) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}
    answer = await client.chat.completions.create(model="m", messages=user("?"), response_format=form)
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "unit", "days"}
    form = {"type": "json_object"}
    answer = await client.chat.completions.create(model="m", messages=user("?"), response_format=form)
    assert json.loads(answer.choices[0].message.content)["simulated"] is True


async def test_logprobs(client: Any) -> None:
    fields = {"model": "m", "messages": user("hi"), "max_tokens": 4, "logprobs": True, "top_logprobs": 3}
    answer = await client.chat.completions.create(**fields)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in tokens)
    chunks = [chunk async for chunk in await client.chat.completions.create(**fields, stream=True)]
    streamed = [entry for chunk in chunks for c in chunk.choices if c.logprobs for entry in c.logprobs.content]
    assert streamed == tokens
    completion = await client.completions.create(model="m", prompt="hi", max_tokens=3, logprobs=2)
    assert len(completion.choices[0].logprobs.tokens) == len(completion.choices[0].logprobs.text_offset) == 3


async def test_stop_texts(client: Any) -> None:
    for stop in ("model", ["no such text", "model"]):
        answer = await client.chat.completions.create(model="m", messages=user("hi"), stop=stop)
        assert answer.choices[0].message.content == "Simulated: no "
        assert answer.choices[0].finish_reason == "stop"


async def test_images_are_counted(client: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    text = {"type": "text", "text": "hi"}
    seen = await client.chat.completions.create(model="m", messages=user([text, image, image]), max_tokens=60)
    plain = await client.chat.completions.create(model="m", messages=user([text]))
    assert seen.usage.prompt_tokens - plain.usage.prompt_tokens == 170
    assert "Images seen: 2." in seen.choices[0].message.content


async def test_completions_and_embeddings(client: Any) -> None:
    answer = await client.completions.create(model="m", prompt="Once", max_tokens=5)
    stream = await client.completions.create(model="m", prompt="Once", max_tokens=5, stream=True)
    text = "".join([choice.text async for chunk in stream for choice in chunk.choices])
    assert text == answer.choices[0].text
    vectors = await client.embeddings.create(model="m", input=["a", "b", "a"], dimensions=8)
    one, two, again = (item.embedding for item in vectors.data)
    assert one == pytest.approx(again)
    assert one != pytest.approx(two)
    assert math.hypot(*one) == pytest.approx(1, rel=1e-5)


async def test_models(client: Any) -> None:
    names = [model.id async for model in client.models.list()]
    assert names == ["simulated-small", "simulated-large"]
    assert (await client.models.retrieve("simulated-small")).id == "simulated-small"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nope")


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ("status=400", openai.BadRequestError),
        ("status=401", openai.AuthenticationError),
        ("status=403", openai.PermissionDeniedError),
        ("status=404", openai.NotFoundError),
        ("status=409", openai.ConflictError),
        ("status=422", openai.UnprocessableEntityError),
        ("status=429", openai.RateLimitError),
        ("status=500", openai.InternalServerError),
        ("drop", openai.APIConnectionError),
    ],
)
async def test_errors_are_the_packages_own(client: Any, faults: str, kind: type[openai.APIError]) -> None:
    with pytest.raises(kind):
        await client.chat.completions.create(model="m", messages=user("?"), extra_headers={"x-sim-fault": faults})


async def test_the_packages_retries_are_seen(sim: SimServer) -> None:
    sim.queue("status=503;retry-after=0.01", times=2)
    async with openai.AsyncOpenAI(base_url=f"{sim.url}/v1", api_key="k", max_retries=2) as client:
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices
    assert [seen.status for seen in sim.requests] == [503, 503, 200]


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/chat/completions", b"\xff", 400),
        ("/v1/chat/completions", b'{"a":' * 3000, 400),
        ("/v1/chat/completions", {"messages": user("?")}, 400),
        ("/v1/chat/completions", {"model": "m"}, 400),
        ("/v1/chat/completions", {"model": "m", "messages": []}, 400),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "king"}]}, 400),
        ("/v1/completions", {"model": "m"}, 400),
        ("/v1/embeddings", {"model": "m"}, 400),
        ("/v1/nothing", {}, 404),
        ("/v1/models", {}, 405),
    ],
)
async def test_requests_that_openai_refuses(sim: SimServer, path: str, fields: Any, status: int) -> None:
    reply = await ask(sim, fields, path=path)
    assert (reply.status, reply.fields["error"]["type"]) == (status, "invalid_request_error")


@pytest.mark.parametrize(
    "path",
    ["/inference/v1/chat/completions", "/chat/completions", "/openai/deployments/m/chat/completions?api-version=1"],
)
async def test_other_base_urls(sim: SimServer, path: str) -> None:
    assert (await ask(sim, CHAT, path=path)).body == (await ask(sim, CHAT)).body


async def test_azure_names_the_model_in_the_path(sim: SimServer) -> None:
    fields = {"messages": CHAT["messages"]}
    reply = await ask(sim, fields, path="/openai/deployments/gpt%2D4/chat/completions?api-version=1")
    assert reply.fields["model"] == "gpt-4"


async def test_usage_in_a_stream_only_where_it_is_asked_for(sim: SimServer) -> None:
    with_usage, without = await ask(sim, STREAM), await ask(sim, {**CHAT, "stream": True})
    assert len(with_usage.events) == len(without.events) + 1
    assert all("usage" not in chunk for chunk in without.chunks)
