"""pydantic-ai: what its three models of ours share. Each use_pydantic_*.py is one of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput, ToolOutput

from tests.clients.programs import trial
from tests.clients.programs.trial import Case, Trial, raises


class Harbour(BaseModel):
    """What a harbour is like."""

    city: str
    depth_metres: int


def cases(connect: Callable[..., Any]) -> Mapping[str, Case]:
    """The cases for a model; `connect(case, model=.., api_key=..)` makes it."""

    def agent(case: Trial, *, more: int = 0, **settings: Any) -> Any:
        given = {name: settings.pop(name) for name in ("model", "api_key") if name in settings}
        bounds = {"max_tokens": more or case.max_tokens}
        return Agent(connect(case, **given), model_settings=bounds, retries=0, **settings)

    def chat(case: Trial) -> None:
        answer = agent(case).run_sync(trial.QUESTION)
        trial.check_text(case, answer.output)
        trial.check_usage(answer.usage.input_tokens, answer.usage.output_tokens)

    async def asynchronous(case: Trial) -> None:
        trial.check_text(case, (await agent(case).run(trial.QUESTION)).output)

    async def stream(case: Trial) -> None:
        async with agent(case).run_stream(trial.QUESTION) as answer:
            pieces = [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]
        trial.check_text(case, "".join(pieces))
        assert len(pieces) > 1
        trial.check_usage(answer.usage.input_tokens, answer.usage.output_tokens)

    def with_tool(case: Trial, calls: list[Any]) -> Any:
        made = agent(case, more=200)

        @made.tool_plain  # type: ignore[untyped-decorator, unused-ignore]  # typed only where pydantic-ai is installed
        def get_weather(city: str, days: int) -> str:
            """The weather of a city."""
            calls.append((city, days))
            return trial.TOOL_ANSWER

        return made

    def tools(case: Trial) -> None:
        calls: list[Any] = []
        answer = with_tool(case, calls).run_sync(trial.TOOL_QUESTION)
        assert len(calls) == 1
        assert trial.TOOL_ANSWER in answer.output

    async def streamed_tools(case: Trial) -> None:
        calls: list[Any] = []
        async with with_tool(case, calls).run_stream(trial.TOOL_QUESTION) as answer:
            said = await answer.get_output()
        assert len(calls) == 1
        assert trial.TOOL_ANSWER in said

    def forced_tool(case: Trial) -> None:
        answer = agent(case, more=200, output_type=ToolOutput(Harbour)).run_sync(trial.QUESTION)
        assert isinstance(answer.output, Harbour)

    def schema(case: Trial) -> None:
        answer = agent(case, more=200, output_type=NativeOutput(Harbour)).run_sync(trial.QUESTION)
        assert isinstance(answer.output, Harbour)

    def image(case: Trial) -> None:
        picture = BinaryContent.from_data_uri(f"data:image/png;base64,{trial.IMAGE}")
        answer = agent(case).run_sync([trial.QUESTION, picture])
        trial.check_text(case, answer.output)
        without = agent(case).run_sync(trial.QUESTION)
        assert answer.usage.input_tokens >= without.usage.input_tokens + 50

    def errors(case: Trial) -> None:
        wanted: dict[int, dict[str, Any]] = {
            401: {"api_key": "hp-0-0"},
            404: {"model": "no-such-model"},
            503: {"model": "down"},
        }
        for status, fields in wanted.items():
            asker = agent(case, **fields)
            refused = raises(ModelHTTPError, partial(asker.run_sync, trial.QUESTION))
            assert refused.status_code == status, refused

    async def broken_stream(case: Trial) -> None:
        pieces: list[str] = []

        async def read() -> None:
            async with agent(case, model="cut").run_stream(trial.QUESTION) as answer:
                async for piece in answer.stream_text(delta=True, debounce_by=None):
                    pieces.extend([piece])

        await trial.breaks(Exception, read())
        assert "".join(pieces)

    return {
        "chat": chat,
        "async": asynchronous,
        "stream": stream,
        "tools": tools,
        "streamed_tools": streamed_tools,
        "forced_tool": forced_tool,
        "json_schema": schema,
        "image": image,
        "errors": errors,
        "broken_stream": broken_stream,
    }
