"""instructor: answers as typed objects, by tools and by JSON schema."""

from functools import partial
from typing import Any

import instructor
import openai
from instructor.core.exceptions import InstructorRetryException
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial, raises


class Harbour(BaseModel):
    """What a harbour is like."""

    city: str
    depth_metres: int


HELLO: Any = [{"role": "user", "content": trial.QUESTION}]


def client(case: Trial, mode: Any, **settings: Any) -> Any:
    given = {"base_url": case.url, "api_key": case.key, "max_retries": 0, **settings}
    return instructor.from_openai(openai.OpenAI(**given), mode=mode)


def ask(case: Trial, mode: Any, **fields: Any) -> Any:
    asked = {"model": case.model, "messages": HELLO, "response_model": Harbour, "max_tokens": 200, "max_retries": 1}
    settings = {name: fields.pop(name) for name in ("api_key", "timeout") if name in fields}
    return client(case, mode, **settings).chat.completions.create(**{**asked, **fields})


def forced_tool(case: Trial) -> None:
    assert isinstance(ask(case, instructor.Mode.TOOLS), Harbour)


def schema(case: Trial) -> None:
    assert isinstance(ask(case, instructor.Mode.JSON_SCHEMA), Harbour)


async def asynchronous(case: Trial) -> None:
    async with openai.AsyncOpenAI(base_url=case.url, api_key=case.key) as plain:
        asker: Any = instructor.from_openai(plain, mode=instructor.Mode.JSON_SCHEMA)
        answer = await asker.chat.completions.create(
            model=case.model, messages=HELLO, response_model=Harbour, max_tokens=200
        )
    assert isinstance(answer, Harbour)


def stream(case: Trial) -> None:
    """The object grows while its JSON comes."""
    asker = client(case, instructor.Mode.JSON_SCHEMA)
    grown = list(
        asker.chat.completions.create_partial(model=case.model, messages=HELLO, response_model=Harbour, max_tokens=200)
    )
    assert len(grown) > 1
    assert isinstance(grown[-1].city, str)
    assert isinstance(grown[-1].depth_metres, int)


def streamed_tools(case: Trial) -> None:
    asker = client(case, instructor.Mode.TOOLS)
    grown = list(
        asker.chat.completions.create_partial(model=case.model, messages=HELLO, response_model=Harbour, max_tokens=200)
    )
    assert isinstance(grown[-1].depth_metres, int)


def errors(case: Trial) -> None:
    """Whatever went wrong, the openai package's own error is what instructor gave up for."""
    wanted: dict[type[Exception], dict[str, Any]] = {
        openai.AuthenticationError: {"api_key": "hp-0-0"},
        openai.NotFoundError: {"model": "no-such-model"},
        openai.BadRequestError: {"temperature": 9},
        openai.InternalServerError: {"model": "down"},
    }
    for kind, fields in wanted.items():
        asked = partial(ask, case, instructor.Mode.TOOLS, **fields)
        given_up = raises((InstructorRetryException, kind), asked)
        causes = [given_up, given_up.__cause__, getattr(given_up.__cause__, "__cause__", None)]
        assert any(isinstance(cause, kind) for cause in causes) or kind.__name__ in str(given_up), repr(given_up)


if __name__ == "__main__":
    trial.run(
        {
            "forced_tool": forced_tool,
            "json_schema": schema,
            "async": asynchronous,
            "stream": stream,
            "streamed_tools": streamed_tools,
            "errors": errors,
        }
    )
