"""LangChain's standard integration tests of a chat model, over the gateway.

pytest runs it in the clients' environment; the case `standard` of use_langchain.py says how.
"""

import os
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

_unthinking = pytest.mark.xfail(
    reason="only a model that understands the words of the question can pass; the upstream is simulated", strict=True
)


class TestHomeport(ChatModelIntegrationTests):  # type: ignore[misc, unused-ignore]  # typed only where it is installed
    """LangChain's own tests. Images, PDF and audio are left out: it fetches its examples from the internet."""

    @property
    def chat_model_class(self) -> Any:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "base_url": os.environ["TRIAL_URL"],
            "api_key": os.environ["TRIAL_KEY"],
            "model": os.environ["TRIAL_MODEL"],
            "stream_usage": True,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "once"

    # The first three want the very arguments that the question names; the last the fields that it describes.
    test_tool_calling = _unthinking(ChatModelIntegrationTests.test_tool_calling)
    test_tool_calling_async = _unthinking(ChatModelIntegrationTests.test_tool_calling_async)
    test_unicode_tool_call_integration = _unthinking(ChatModelIntegrationTests.test_unicode_tool_call_integration)
    test_json_mode = _unthinking(ChatModelIntegrationTests.test_json_mode)
