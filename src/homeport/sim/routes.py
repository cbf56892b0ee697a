"""Which dialect answers which path. Only the end of a path counts, so any prefix of a base URL works."""

import re

from homeport.sim.anthropic import Anthropic
from homeport.sim.gemini import Gemini
from homeport.sim.openai import Models, OpenAI
from homeport.sim.replicate import Replicate
from homeport.sim.reply import Dialect, Refused, Request
from homeport.sim.responses import Responses
from homeport.sim.scores import Moderations, Rerank


class Routes:
    """The dialects of one server; some of them remember what they answered."""

    def __init__(self) -> None:
        self._openai = OpenAI()
        self._anthropic = Anthropic()
        self._gemini = Gemini()
        replicate = Replicate()
        self._table: tuple[tuple[str, re.Pattern[str], Dialect], ...] = (
            ("POST", re.compile(r"/(chat/completions|completions|embeddings)$"), self._openai),
            ("POST", re.compile(r"/responses$"), Responses()),
            ("POST", re.compile(r"/moderations$"), Moderations()),
            ("POST", re.compile(r"/rerank$"), Rerank()),
            ("POST", re.compile(r"/messages(/count_tokens)?$"), self._anthropic),
            ("POST", re.compile(r"/models/[^/:]+:\w+$"), self._gemini),
            ("GET", re.compile(r"/v1beta\d*/models(/[^/:]+)?$"), self._gemini),
            ("POST", re.compile(r"/predictions(/[\w-]+/cancel)?$"), replicate),
            ("GET", re.compile(r"/predictions/[\w-]+(/stream)?$"), replicate),
            ("GET", re.compile(r"/models(/[^:]+)?$"), Models()),
        )

    def find(self, request: Request) -> Dialect:
        """Who answers.

        Raises:
            Refused: 404 or 405.
        """
        matching = [(method, dialect) for method, path, dialect in self._table if path.search(request.path)]
        if not matching:
            raise Refused(404, f"there is nothing at {request.method} {request.path}", openai_code="unknown_url")
        for method, dialect in matching:
            if method == request.method:
                return self._anthropic if isinstance(dialect, Models) and _is_anthropic(request) else dialect
        raise Refused(405, f"{request.path} is not for {request.method}", openai_code="method_not_supported")

    def refusing(self, request: Request) -> Dialect:
        """Who refuses a request that nobody answers: OpenAI, unless its headers are another provider's."""
        if _is_anthropic(request):
            return self._anthropic
        return self._gemini if request.path.startswith("/v1beta/") else self._openai


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers
