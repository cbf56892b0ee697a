"""langchain-openai: a chat model and embeddings."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises


class Harbour(BaseModel):
    """What a harbour is like."""

    city: str
    depth_metres: int


@tool  # type: ignore[untyped-decorator, unused-ignore]  # typed only where LangChain is installed
def get_weather(city: str, days: int) -> str:
    """The weather of a city."""
    return trial.TOOL_ANSWER


def model(case: Trial, **settings: Any) -> Any:
    given = {"base_url": case.url, "api_key": case.key, "model": case.model, "max_retries": 0}
    return ChatOpenAI(**{**given, "max_tokens": case.max_tokens, "stream_usage": True, **settings})


def chat(case: Trial) -> None:
    answer = model(case).invoke(trial.QUESTION)
    trial.check_text(case, answer.text)
    usage = answer.usage_metadata
    trial.check_usage(usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
    assert answer.response_metadata["model_name"].startswith(case.model)


async def asynchronous(case: Trial) -> None:
    pieces = [chunk.text async for chunk in model(case).astream(trial.QUESTION)]
    trial.check_text(case, "".join(pieces))


def stream(case: Trial) -> None:
    cold = model(case, temperature=0, seed=1)
    whole = cold.invoke(trial.QUESTION)
    chunks = list(cold.stream(trial.QUESTION))
    assert len([chunk for chunk in chunks if chunk.text]) > 1
    joined = chunks[0]
    for chunk in chunks[1:]:
        joined += chunk
    assert joined.text == whole.text
    assert joined.usage_metadata["total_tokens"] == whole.usage_metadata["total_tokens"]


def tools(case: Trial) -> None:
    bound = model(case, max_tokens=200).bind_tools([get_weather])
    question = HumanMessage(trial.TOOL_QUESTION)
    first = bound.invoke([question])
    [call] = first.tool_calls
    assert set(call["args"]) == {"city", "days"}
    said = ToolMessage(trial.TOOL_ANSWER, tool_call_id=call["id"])
    assert trial.TOOL_ANSWER in bound.invoke([question, first, said]).text


def forced_tool(case: Trial) -> None:
    bound = model(case, max_tokens=200).bind_tools([get_weather], tool_choice="get_weather")
    [call] = bound.invoke(trial.QUESTION).tool_calls
    assert set(call["args"]) == {"city", "days"}


def streamed_tools(case: Trial) -> None:
    chunks = list(model(case, max_tokens=200).bind_tools([get_weather]).stream(trial.TOOL_QUESTION))
    joined = chunks[0]
    for chunk in chunks[1:]:
        joined += chunk
    [call] = joined.tool_calls
    assert set(call["args"]) == {"city", "days"}


def schema(case: Trial) -> None:
    asker = model(case, max_tokens=200)
    methods = ["json_schema"] if case.real else ["json_schema", "function_calling"]
    for method in methods:
        assert isinstance(asker.with_structured_output(Harbour, method=method).invoke(trial.QUESTION), Harbour)


def image(case: Trial) -> None:
    picture = {"type": "image", "base64": trial.IMAGE, "mime_type": "image/png"}
    asked = HumanMessage([{"type": "text", "text": trial.QUESTION}, picture])
    answer = model(case).invoke([asked])
    trial.check_text(case, answer.text)
    without = model(case).invoke(trial.QUESTION)
    assert answer.usage_metadata["input_tokens"] >= without.usage_metadata["input_tokens"] + 50


def embeddings(case: Trial) -> None:
    # Without this it sends token numbers of OpenAI's vocabulary, which other models cannot read.
    embedder = OpenAIEmbeddings(
        base_url=case.url, api_key=case.key, model=case.embedder, check_embedding_ctx_length=False
    )
    first, second = embedder.embed_documents(["a lease", "a loan"])
    assert len(first) == len(second) > 8
    assert first != second


def standard(case: Trial) -> None:
    """LangChain's own tests: none fails, and as many are tried as its page says."""
    suite = Path(__file__).with_name("langchain_standard.py")
    own = [
        "-c",
        os.devnull,
        "--rootdir",
        str(suite.parent),
        "--confcutdir",
        str(suite.parent),
        "-p",
        "no:cacheprovider",
    ]
    scope = "asyncio_default_test_loop_scope=session"  # LangChain keeps its connections from test to test.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *own, "-q", "--tb=short", "-o", "asyncio_mode=auto", "-o", scope, str(suite)],
        env={**os.environ, "TRIAL_URL": case.url, "TRIAL_KEY": case.key, "TRIAL_MODEL": case.model},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "38 passed, 7 skipped, 5 xfailed" in done.stdout.splitlines()[-1], done.stdout + done.stderr


def errors(case: Trial) -> None:
    raises(openai.AuthenticationError, lambda: model(case, api_key="hp-0-0").invoke("Hello"))
    raises(openai.NotFoundError, lambda: model(case, model="no-such-model").invoke("Hello"))
    raises(openai.BadRequestError, lambda: model(case, presence_penalty=9).invoke("Hello"))
    raises(openai.InternalServerError, lambda: model(case, model="down").invoke("Hello"))


def retries(case: Trial) -> None:
    since = case.fail_once()
    model(case, model="once", max_retries=1).invoke("Hello")
    case.check_waited(since)


def timeout(case: Trial) -> None:
    raises(openai.APITimeoutError, lambda: model(case, model="silent", timeout=0.3).invoke("Hello"))


def broken_stream(case: Trial) -> None:
    pieces: list[str] = []
    raises(openai.APIError, lambda: pieces.extend(chunk.text for chunk in model(case, model="cut").stream("Hello")))
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
            "standard": standard,
            "errors": errors,
            "retries": retries,
            "timeout": timeout,
            "broken_stream": broken_stream,
        }
    )
