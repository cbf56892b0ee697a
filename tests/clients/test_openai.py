"""The openai package, unchanged, against real weights.

The client is `Any` here: its overloads want typed dictionaries that say nothing to these tests.
"""

import json
from typing import Any

import openai
import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow
QUESTION = {"role": "user", "content": "What is the capital of Italy?"}


@pytest.fixture
def client(program: Program) -> Any:
    return openai.OpenAI(base_url=program.url, api_key=program.key, max_retries=0)


def test_chat(client: Any) -> None:
    answer = client.chat.completions.create(model="local", messages=[QUESTION], max_tokens=24, temperature=0, seed=1)
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert answer.model == "smollm2"


def test_streamed_chat_is_the_same_text_and_has_usage(client: Any) -> None:
    fields = {"model": "local", "messages": [QUESTION], "max_tokens": 24, "temperature": 0, "seed": 1}
    whole = client.chat.completions.create(**fields)
    chunks = list(client.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].model_extra["homeport"]["tier"] == "local"


def test_the_same_seed_gives_the_same_bytes_20_times(client: Any) -> None:
    texts = set()
    for number in range(20):
        other = [{"role": "user", "content": f"Count to {number}."}]  # leaves something else in the prompt cache
        client.chat.completions.create(model="local", messages=other, max_tokens=2)
        answer = client.chat.completions.create(
            model="local", messages=[QUESTION], max_tokens=48, temperature=0, seed=7
        )
        texts.add(answer.choices[0].message.content)
    assert len(texts) == 1


def test_completion(client: Any) -> None:
    answer = client.completions.create(model="local", prompt="Once upon a time", max_tokens=8)
    assert answer.choices[0].text
    streamed = list(client.completions.create(model="local", prompt="Once", max_tokens=4, stream=True))
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices)


def test_embeddings(client: Any) -> None:
    answer = client.embeddings.create(model="auto", input=["a lease", "a rental contract", "a banana"])
    lease, rental, banana = (item.embedding for item in answer.data)
    assert len(lease) == len(rental) == 576
    assert dot(lease, rental) > dot(lease, banana)


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_models(client: Any) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "auto"
    assert {"local", "mid", "frontier", "smollm2", "simulated-gpt-5.4", "gpt-4o-mini"} <= set(names)
    assert client.models.retrieve("smollm2").id == "smollm2"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_an_answer_keeps_to_a_json_schema(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "large": {"type": "boolean"}},
        "required": ["city", "large"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="local",
        messages=[QUESTION],
        max_tokens=60,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    )
    parsed = json.loads(answer.choices[0].message.content or "")
    assert set(parsed) == {"city", "large"}


def test_logprobs(client: Any) -> None:
    answer = client.chat.completions.create(
        model="local",
        messages=[QUESTION],
        max_tokens=4,
        logprobs=True,
        top_logprobs=3,
    )
    assert answer.choices[0].logprobs is not None
    tokens = answer.choices[0].logprobs.content or []
    assert len(tokens) == 4
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in tokens)


def test_errors_are_the_librarys_own(program: Program, client: Any) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-0", messages=[QUESTION])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="auto", messages=[])
    assert wrong.value.param == "messages"
    stranger: Any = openai.OpenAI(base_url=program.url, api_key="hp-0-0", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
