"""pydantic-ai with its model of OpenAI's Responses API."""

from typing import Any

from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.clients.programs import trial
from tests.clients.programs.pydantic_cases import cases
from tests.clients.programs.trial import Trial


def connect(case: Trial, *, model: str = "", api_key: str = "") -> Any:
    provider = OpenAIProvider(base_url=case.url, api_key=api_key or case.key)
    return OpenAIResponsesModel(model or case.model, provider=provider)


if __name__ == "__main__":
    trial.run(cases(connect))
