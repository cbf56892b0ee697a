"""pydantic-ai with its model of Anthropic's messages."""

from typing import Any

from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from tests.clients.programs import trial
from tests.clients.programs.pydantic_cases import cases
from tests.clients.programs.trial import Trial


def connect(case: Trial, *, model: str = "", api_key: str = "") -> Any:
    provider = AnthropicProvider(base_url=case.root, api_key=api_key or case.key)
    return AnthropicModel(model or case.model, provider=provider)


if __name__ == "__main__":
    trial.run(cases(connect))
