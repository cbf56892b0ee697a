"""Two agents that never end by themselves: Homeport stops both.

The first calls a tool that always fails. The second reads the same two files again and again and keeps a note of
each, so that its context grows. The tools and the loops are real; the model behind them may be the simulated one.

Run it with `make looping-agent`, or point OPENAI_BASE_URL and OPENAI_API_KEY at a running gateway.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import openai

MOST_CALLS = 60
"""Only so that this example ends if nobody stops it."""
FILES = {"terms.txt": "Payment is due in thirty days. ", "offer.txt": "The offer holds until the end of the month. "}


@dataclass
class Run:
    """What became of an agent."""

    agent: str
    calls: int
    cost_usd: str
    stopped: bool
    code: str
    message: str


class Model:
    """Asks the model and counts calls and dollars."""

    def __init__(self, name: str) -> None:
        self._client = openai.OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
        self._name = name
        self.calls = 0
        self.cost = Decimal(0)

    def ask(self, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        self.calls += 1
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._name, messages=messages, max_tokens=60, **options
        )
        self.cost += Decimal(raw.headers.get("x-homeport-cost", "0"))
        if warning := raw.headers.get("x-homeport-loop"):
            print(f"  call {self.calls}: x-homeport-loop: {warning}", file=sys.stderr)
        message: dict[str, Any] = raw.parse().choices[0].message.model_dump(exclude_none=True)
        return message


def tool(name: str, about: str, argument: str, value: str) -> dict[str, Any]:
    """A tool of one argument with one value: the simulated model follows the schema, a real one the task."""
    properties = {argument: {"type": "string", "enum": [value]}}
    schema = {"type": "object", "properties": properties, "required": [argument]}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


def use(model: Model, messages: list[dict[str, Any]], offered: dict[str, Any], run: Callable[[str], str]) -> None:
    """Have the model call the tool, run the call, and add both to the history."""
    answer = model.ask(messages, tools=[offered], tool_choice="required")
    messages.append(answer)
    for call in answer["tool_calls"]:
        result = run(call["function"]["arguments"])
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


def retry_a_failing_tool(model: Model) -> None:
    """An agent that believes that the next time it will work."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Use find_order to look up the order of Ms Lee."}]
    offered = tool("find_order", "Looks an order up.", "customer", "Lee")
    for attempt in range(MOST_CALLS):
        # Each failure looks a little different, as failures do.
        request = f"req_{attempt * 7919 + 104729:08x}"
        use(model, messages, offered, lambda _, request=request: f"Error: the table of orders is locked ({request})")


def read_the_same_files(model: Model) -> None:
    """An agent that reads, notes, and reads again, with all of it in its context."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Use read_file to compare the terms with the offer."}]
    names = list(FILES)
    for turn in range(MOST_CALLS):
        offered = tool("read_file", "Reads a file.", "name", names[turn % len(names)])
        use(model, messages, offered, lambda arguments: FILES[json.loads(arguments)["name"]] * 40)
        messages.append({"role": "assistant", "content": model.ask(messages).get("content", "")})


AGENTS = {"failing": retry_a_failing_tool, "growing": read_the_same_files}


def watch(agent: str, name: str) -> Run:
    """Run an agent until it is stopped."""
    model = Model(name)
    try:
        AGENTS[agent](model)
    except openai.APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {}
        code = str(body.get("code", ""))
        return Run(agent, model.calls, str(model.cost), code == "loop_stopped", code, str(body.get("message", error)))
    return Run(agent, model.calls, str(model.cost), False, "", "nobody stopped it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", choices=[*AGENTS, "both"], default="both")
    parser.add_argument("--model", default=os.environ.get("LOOPING_AGENT_MODEL", "frontier"))
    parser.add_argument("--json", action="store_true", help="print what became of them as JSON")
    options = parser.parse_args()
    runs = [watch(agent, options.model) for agent in AGENTS if options.agent in (agent, "both")]
    if options.json:
        print(json.dumps([asdict(run) for run in runs], indent=2))
    else:
        for run in runs:
            end = "stopped" if run.stopped else "NOT stopped"
            print(f"{run.agent}: {end} at call {run.calls}, ${run.cost_usd} spent\n  {run.message}\n")
    sys.exit(0 if all(run.stopped for run in runs) else 1)


if __name__ == "__main__":
    main()
