"""Does a running gateway do what its dry run says, and do conversations stay on their tier?

Conversations of a few turns: each turn is asked about with POST /v1/route and then sent. Every reason, tier and model
must be the same, but for answers that a cascade escalated or a failover gave, which are told apart. Run it beside a
gateway that nobody else uses, for every request moves thresholds: `homeport run -- python -m bench.agreement`.
"""

import argparse
import http.client
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

Reply = tuple[int, Mapping[str, str], bytes]
Post = Callable[[str, Mapping[str, Any]], Reply]
"""Sends JSON to a path below /v1; status, headers by lower-case name, body."""

_LONGEST = 4
_SUBJECTS = ("a lease", "prime numbers", "the moon", "a bicycle", "double-entry books", "tides", "a lock", "bread")
_TASKS = (
    "What is {}?",
    "Name one fact of {}.",
    "Compare {} with {} step by step, prove each claim, and give the counter-examples that a careful critic would.",
    "Write a Python function that models {}, with its types, and explain the complexity of each part of it.",
    "Is {} older than {}? Answer yes or no.",
)


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `stayed`: of the later turns, how many went where the one before went."""

    asked: int
    agreed: int
    escalated: int
    later_turns: int
    stayed: int
    reasons: Mapping[str, int]
    differences: Sequence[str]


def agree(post: Post, requests: int, *, seed: int = 1, max_tokens: int = 8) -> Agreement:
    """Ask and send that many requests. Raises RuntimeError where one is refused."""
    dice, reasons, differences = random.Random(seed), Counter[str](), list[str]()
    asked = escalated = later = stayed = 0
    while asked < requests:
        messages: list[dict[str, str]] = []
        before = ""
        for _ in range(min(dice.randint(1, _LONGEST), requests - asked)):
            task = dice.choice(_TASKS).replace("{}", dice.choice(_SUBJECTS))
            messages.append({"role": "user", "content": f"{task} ({dice.random():.6f})"})
            body = {"model": "auto", "messages": messages, "max_tokens": max_tokens}
            told, headers, answer = _pair(post, body)
            asked += 1
            reasons[headers["x-homeport-reason"]] += 1
            same = _decision(told) == (headers["x-homeport-reason"], headers["x-homeport-tier"])
            if "x-homeport-escalation" in headers:
                escalated += 1
                same = told["reason"] == headers["x-homeport-reason"]
            if not same:
                differences.append(f"{_decision(told)} but {headers['x-homeport-reason']}")
            later, stayed = later + bool(before), stayed + (before == headers["x-homeport-tier"])
            before = headers["x-homeport-tier"]
            messages.append({"role": "assistant", "content": answer})
    return Agreement(
        asked=asked,
        agreed=asked - len(differences),
        escalated=escalated,
        later_turns=later,
        stayed=stayed,
        reasons=dict(reasons.most_common()),
        differences=differences[:5],
    )


def _decision(told: Mapping[str, Any]) -> tuple[str, str]:
    return told["reason"], told["tier"]


def _pair(post: Post, body: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, str], str]:
    status, _, told = post("/route", body)
    live_status, headers, answer = post("/chat/completions", body)
    if (status, live_status) != (200, 200):
        raise RuntimeError(f"the dry run has status {status}, the request {live_status}: {answer[:500]!r}")
    return json.loads(told), headers, json.loads(answer)["choices"][0]["message"]["content"] or ""


def poster(url: str, key: str) -> Post:
    """One connection to a gateway; `url` ends in /v1."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=120)

    def post(path: str, body: Mapping[str, Any]) -> Reply:
        connection.request("POST", f"/v1{path}", json.dumps(body), {"authorization": f"Bearer {key}"})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()

    return post


def main(arguments: Sequence[str]) -> int:
    """0 if every request went as its dry run said."""
    parser = argparse.ArgumentParser(prog="python -m bench.agreement", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"))
    parser.add_argument("--key", default=os.environ.get("OPENAI_API_KEY", ""))
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--max-tokens", type=int, default=8)
    options = parser.parse_args(arguments)
    found = agree(poster(options.url, options.key), options.requests, max_tokens=options.max_tokens)
    print(msgspec.json.format(msgspec.json.encode(found)).decode())
    return 0 if found.agreed == found.asked else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
