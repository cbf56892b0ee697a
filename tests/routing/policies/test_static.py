"""The static policy keeps the configured order."""

import pytest

from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.routing.policies.base import PolicySetup
from homeport.routing.policies.static import create
from tests.fakes.facts import question
from tests.fakes.house import MID, OWN, TOP
from tests.routing.test_eligibility import inference


@pytest.mark.parametrize("surface", [Surface.CHAT, Surface.COMPLETION])
def test_everyone_stands_behind_the_first(surface: Surface) -> None:
    decision = create(PolicySetup()).decide(question(inference(surface=surface)), (MID, OWN, TOP))
    assert decision.candidates == (MID, OWN, TOP)
    assert decision.reason == "static:mid"


def test_embeddings_have_one_candidate() -> None:
    decision = create(PolicySetup()).decide(question(inference(surface=Surface.EMBEDDING)), (OWN, MID))
    assert (decision.candidates, decision.reason) == ((OWN,), "static:home")


def test_it_has_no_options() -> None:
    with pytest.raises(ConfigError) as caught:
        create(PolicySetup(options={"order": ["mid"]}))
    assert caught.value.code == "policy_option_invalid"
    assert "'order'" in caught.value.message
