"""What a registry asks for, and to whom a password goes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, PackageError
from homeport.packages.access import Access, Credential, read_docker_config
from homeport.packages.challenges import Challenge, answer_challenge, parse_challenges
from homeport.transport.blocking import BlockingClient
from tests.fakes.registry import PASSWORD, TOKEN, USER, running

WE = Credential(username=USER, password=PASSWORD)
SCOPE = "repository:models/tiny:pull"


def test_challenges_are_read_in_their_order() -> None:
    header = 'Bearer realm="https://a.example/t?x=1, y",scope="a:pull,push", Basic realm="a \\"b\\""'
    assert parse_challenges(header) == (
        Challenge(scheme="bearer", parameters={"realm": "https://a.example/t?x=1, y", "scope": "a:pull,push"}),
        Challenge(scheme="basic", parameters={"realm": 'a "b"'}),
    )
    assert parse_challenges("Negotiate") == (Challenge(scheme="negotiate"),)
    assert parse_challenges('realm="x"') == ()
    assert parse_challenges(f'Basic realm="{"x" * 9000}"') == ()


@given(st.text(max_size=200))
def test_any_header_is_read_or_is_none(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "ftp://auth.example.org/t",
        "http://auth.example.org/t",
        "https://user@auth.example.org/t",
        "https:///t",
        "https://auth.example.org/t#x",
        "https://127.0.0.1:1/t",
        "http://localhost/t",
        "http://[::1]/t",
        "https://[x/t",
    ],
)
def test_a_password_is_told_only_where_it_may_go(realm: str) -> None:
    header = f'Bearer realm="{realm}"'
    with pytest.raises(PackageError) as caught:
        answer_challenge(BlockingClient(), "https://registry.example.org", header, SCOPE, WE)
    assert caught.value.code == "registry_realm_refused"
    assert PASSWORD not in caught.value.message


def test_a_password_does_not_cross_a_network_in_clear() -> None:
    with pytest.raises(PackageError) as caught:
        answer_challenge(BlockingClient(), "http://registry.example.org", 'Basic realm="x"', SCOPE, WE)
    assert caught.value.code == "registry_credentials_in_clear"


def test_a_token_is_asked_for_with_what_the_registry_names() -> None:
    with running() as fake:
        base = f"http://{fake.host}"
        header = f'Basic realm="x", Bearer realm="{base}/token?a=b",service="s",scope="repository:x:pull"'
        assert answer_challenge(BlockingClient(), base, header, SCOPE, WE) == f"Bearer {TOKEN}"
        assert fake.asked[0][1] == "/token?a=b&service=s&scope=repository%3Ax%3Apull"
        assert answer_challenge(BlockingClient(), base, f'Bearer realm="{base}/token"', SCOPE, None) == "Bearer nobody"
        assert fake.asked[1][1] == "/token?scope=repository%3Amodels%2Ftiny%3Apull"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 1}', b'{"token": "a b"}', b'{"token": "a\\r\\nx"}', b"\xff"])
def test_an_answer_without_a_token_is_refused(body: bytes) -> None:
    with running() as fake:
        fake.fault("GET", "/token", lambda asked: asked.answer(200, body))
        base = f"http://{fake.host}"
        with pytest.raises(BadAnswer):
            answer_challenge(BlockingClient(), base, f'Bearer realm="{base}/token"', SCOPE, WE)


def test_nothing_secret_is_shown() -> None:
    assert PASSWORD not in repr(WE)
    assert PASSWORD not in repr(Access(credentials={"a": WE}, hf_token=PASSWORD))


def test_docker_keeps_credentials_by_host(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert read_docker_config(path) == {}
    path.write_text(
        '{"auths": {"https://index.docker.io/v1/": {"auth": "dGVhbTpwYXNzOndvcmQ="}, "https://a.example/v2/": '
        '{"registrytoken": "t"}, "b.example:5000": {}, "c.example": {"auth": ""}}}'
    )
    assert read_docker_config(path) == {
        "registry-1.docker.io": WE,
        "a.example": Credential(token="t"),
    }


@pytest.mark.parametrize("data", [b"", b"[]", b'{"auths": 1}', b'{"auths": {"a": {"auth": "%"}}}', b"[" * 2_000_000])
def test_a_file_that_is_none_is_told_without_what_is_in_it(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("docker") / "config.json"
    path.write_bytes(data)
    with pytest.raises(PackageError) as caught:
        read_docker_config(path)
    assert caught.value.code == "registry_credentials_unreadable"
    assert caught.value.__cause__ is None
