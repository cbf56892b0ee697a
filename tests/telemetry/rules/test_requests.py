"""What is recorded of requests, as promtool works it out of the counters that a gateway has."""

from pathlib import Path

import yaml

from homeport.telemetry.rules.requests import request_rules
from homeport.telemetry.rules.rule import document
from tests.e2e.prometheus import installed, promtool

CALLS = "homeport_upstream_attempts_total"
REQUESTS = 'homeport_requests_total{surface="chat/completions",'
SERIES = {
    f'{CALLS}{{model="failing",error="upstream_failed"}}': "0+30x10",
    f'{CALLS}{{model="failing",error=""}}': "0+70x10",
    f'{CALLS}{{model="cut",error=""}}': "0+100x10",
    f'{CALLS}{{model="well",error=""}}': "0+90x10",
    f'{CALLS}{{model="well",error="circuit_open"}}': "0+50x10",
    f'{CALLS}{{model="well",error="upstream_rejected_request"}}': "0+10x10",
    f'{REQUESTS}tier="far",model="cut",outcome="failed"}}': "0+20x10",
    f'{REQUESTS}tier="far",model="cut",outcome="completed"}}': "0+80x10",
    f'{REQUESTS}tier="",model="",outcome="failed"}}': "0+30x10",
}
"""A call that failed, and one whose stream broke off; what was not called, and what the caller is to blame for."""


@installed
def test_a_model_s_failures_are_those_of_its_calls(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(document((request_rules(),)))
    expected = [
        {"labels": f'homeport:model_failure:ratio5m{{model="{model}"}}', "value": share}
        for model, share in (("cut", 0.2), ("failing", 0.3), ("well", 0))
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
        "promql_expr_test": [
            {"expr": "homeport:model_failure:ratio5m", "eval_time": "10m", "exp_samples": expected},
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    assert "SUCCESS" in promtool("test", "rules", str(path))
