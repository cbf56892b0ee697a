"""The section `trust`: what is taken, and the one line said of what is wrong."""

from datetime import date

import pytest

from homeport.core.errors import ConfigError
from homeport.core.trust import Unsigned
from tests.config.conftest import BASE, LoadText

LINE = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 88


def test_a_file_without_it_trusts_as_a_first_run_needs(load_text: LoadText) -> None:
    trust = load_text(BASE).trust
    assert (trust.keys, trust.rules, trust.unsigned) == ({}, (), None)


def test_everything_that_can_be_written(load_text: LoadText) -> None:
    trust = load_text(
        BASE
        + f"""\
trust:
  keys:
    release: {{public_key: {LINE}, valid_until: 2027-12-31}}
    legal:
      public_key: |
        -----BEGIN PUBLIC KEY-----
        {LINE}
        -----END PUBLIC KEY-----
  rules:
    - {{packages: [legal-*, law], verticals: [legal], keys: [legal]}}
    - {{keys: [release], unsigned: warn}}
  unsigned: refuse
"""
    ).trust
    assert (trust.keys["release"].public_key, trust.keys["release"].valid_until) == (LINE, date(2027, 12, 31))
    assert trust.keys["legal"].valid_until is None
    assert [(rule.packages, rule.verticals, rule.keys, rule.unsigned) for rule in trust.rules] == [
        (("legal-*", "law"), ("legal",), ("legal",), Unsigned.REFUSE),
        (("*",), (), ("release",), Unsigned.WARN),
    ]
    assert trust.unsigned is Unsigned.REFUSE


REFUSES_ALL = "refuses every package: write `keys` that may sign, or `unsigned: warn`"
WRONG = {
    "a key that is none": ("keys: {a: {public_key: secret}}", "should be a public key"),
    "a private key": ("keys: {a: {public_key: '-----BEGIN PRIVATE KEY-----'}}", "should be a public key"),
    "a day that is none": (f"keys: {{a: {{public_key: {LINE}, valid_until: soon}}}}", "should be a day"),
    "a rule without keys": ("rules: [{packages: [a]}]", REFUSES_ALL),
    "nobody may sign": ("unsigned: refuse", REFUSES_ALL),
    "an unknown key": (
        f"{{keys: {{abc: {{public_key: {LINE}}}}}, rules: [{{keys: [abd]}}]}}",
        'no "abd"; did you mean',
    ),
    "an empty list": ("rules: [{packages: [], unsigned: warn}]", "is empty"),
    "a pattern that is none": ("rules: [{packages: ['A b'], unsigned: warn}]", "pattern"),
    "another word": ("unsigned: maybe", "refuse"),
    "an odd name": (f"keys: {{'a b': {{public_key: {LINE}}}}}", "a name is"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_with_its_line(load_text: LoadText, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + f"trust: {text if text.startswith('{') else '{' + text + '}'}\n")
    assert said in caught.value.message
    assert "homeport.yaml:" in caught.value.message
    assert "secret" not in caught.value.message
