"""openai-agents: an agent that asks the Responses API, as it does by default."""

from typing import Any

import agents
import openai
from pydantic import BaseModel

from tests.clients.programs import trial
from tests.clients.programs.trial import Trial


class Harbour(BaseModel):
    city: str
    depth_metres: int


@agents.function_tool  # type: ignore[untyped-decorator, unused-ignore]  # typed only where it is installed
def get_weather(city: str, days: int) -> str:
    """The weather of a city."""
    return trial.TOOL_ANSWER


def question(case: Trial) -> str:
    """An answer that is cut short is an error to this client, so SmolLM2 is asked what is soon answered."""
    return "What is the capital of Italy?" if case.real else trial.QUESTION


def agent(case: Trial, *, model: str = "", api_key: str = "", **fields: Any) -> Any:
    asker = openai.AsyncOpenAI(base_url=case.url, api_key=api_key or case.key, max_retries=0)
    asked = agents.OpenAIResponsesModel(model=model or case.model, openai_client=asker)
    bounds = agents.ModelSettings(max_tokens=200, temperature=0, **fields.pop("settings", {}))
    return agents.Agent(name="Harbour master", instructions="Be brief.", model=asked, model_settings=bounds, **fields)


async def chat(case: Trial) -> None:
    answer = await agents.Runner.run(agent(case), question(case))
    trial.check_text(case, answer.final_output)
    usage = answer.context_wrapper.usage
    trial.check_usage(usage.input_tokens, usage.output_tokens, usage.total_tokens)


async def stream(case: Trial) -> None:
    answer = agents.Runner.run_streamed(agent(case), question(case))
    events = [event.data async for event in answer.stream_events() if event.type == "raw_response_event"]
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == answer.final_output
    trial.check_text(case, answer.final_output)


async def tools(case: Trial) -> None:
    answer = await agents.Runner.run(agent(case, tools=[get_weather]), trial.TOOL_QUESTION)
    assert trial.TOOL_ANSWER in answer.final_output
    assert [item.type for item in answer.new_items] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]


async def streamed_tools(case: Trial) -> None:
    answer = agents.Runner.run_streamed(agent(case, tools=[get_weather]), trial.TOOL_QUESTION)
    kinds = [event.name async for event in answer.stream_events() if event.type == "run_item_stream_event"]
    assert kinds == ["tool_called", "tool_output", "message_output_created"], kinds
    assert trial.TOOL_ANSWER in answer.final_output


async def forced_tool(case: Trial) -> None:
    asked = agent(
        case, tools=[get_weather], settings={"tool_choice": "get_weather"}, tool_use_behavior="stop_on_first_tool"
    )
    assert (await agents.Runner.run(asked, trial.QUESTION)).final_output == trial.TOOL_ANSWER


async def schema(case: Trial) -> None:
    answer = await agents.Runner.run(agent(case, output_type=Harbour), question(case))
    assert isinstance(answer.final_output, Harbour)


async def errors(case: Trial) -> None:
    wanted: dict[type[Exception], dict[str, str]] = {
        openai.AuthenticationError: {"api_key": "hp-0-0"},
        openai.NotFoundError: {"model": "no-such-model"},
        openai.InternalServerError: {"model": "down"},
    }
    for kind, fields in wanted.items():
        await trial.breaks(kind, agents.Runner.run(agent(case, **fields), trial.QUESTION))


async def broken_stream(case: Trial) -> None:
    answer = agents.Runner.run_streamed(agent(case, model="cut"), trial.QUESTION)
    seen: list[Any] = []

    async def read() -> None:
        async for event in answer.stream_events():
            seen.extend([event])

    await trial.breaks(Exception, read())
    assert any(event.type == "raw_response_event" and event.data.type == "response.output_text.delta" for event in seen)


if __name__ == "__main__":
    agents.set_tracing_disabled(True)
    trial.run(
        {
            "chat": chat,
            "stream": stream,
            "tools": tools,
            "streamed_tools": streamed_tools,
            "forced_tool": forced_tool,
            "json_schema": schema,
            "errors": errors,
            "broken_stream": broken_stream,
        }
    )
