"""`homeport telemetry export` writes where it is told, and refuses what is no address."""

import json
from pathlib import Path

import pytest
import yaml

from homeport.cli.telemetry import _own
from homeport.config.schema import ServerSettings
from tests.cli.inside import Inside
from tests.telemetry.rules.cases import CONFIG


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.home.mkdir()
    (program.home / "homeport.yaml").write_text(CONFIG)
    return program


def test_what_is_written(program: Inside) -> None:
    told = json.loads(program.run("telemetry", "export", "--out", "here", "--json"))
    folder = program.home.parent / "here"
    assert told["folder"] == "here"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == sorted(
        told["files"]
    )
    config = yaml.safe_load((folder / "prometheus" / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": [f"127.0.0.1:{program.port}"]}]


def test_it_is_written_again(program: Inside) -> None:
    program.run("telemetry", "export", "--gateway", "a:1", "--gateway", "[::1]:2")
    printed = program.run("telemetry", "export", "--gateway", "b:1", "--alertmanager", "c:9093")
    folder = program.home.parent / "homeport-monitoring"
    assert f"{Path('homeport-monitoring/prometheus/rules.yml')}" in printed.splitlines()
    config = yaml.safe_load((folder / "prometheus" / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["b:1"]}]


@pytest.mark.parametrize(
    "address", ["gateway", "gateway:", ":80", "http://g:1", "g:1/x", "a b:1", "g:1\n- evil: x", "{{x}}:1"]
)
@pytest.mark.parametrize("option", ["--gateway", "--alertmanager"])
def test_no_address(program: Inside, option: str, address: str) -> None:
    done = program.execute("telemetry", "export", option, address)
    assert done.returncode == 2
    assert "address_unreadable" in done.stderr
    assert not (program.home.parent / "homeport-monitoring").exists()


@pytest.mark.parametrize("url", ["g:9090", "ftp://g", "http://", "http://g\nx: y", "http://g:9090/?a=b"])
def test_no_url(program: Inside, url: str) -> None:
    assert "address_unreadable" in program.execute("telemetry", "export", "--prometheus", url).stderr


def test_a_folder_that_cannot_be_written(program: Inside) -> None:
    (program.home.parent / "taken").write_text("a file")
    done = program.execute("telemetry", "export", "--out", "taken")
    assert (done.returncode, "state_folder_unusable" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1:1"),
        ("::", "127.0.0.1:1"),
        ("::1", "[::1]:1"),
        ("10.0.0.7", "10.0.0.7:1"),
        ("gateway.internal", "gateway.internal:1"),
    ],
)
def test_where_this_gateway_is(host: str, address: str) -> None:
    assert _own(ServerSettings(host=host, port=1)) == address
