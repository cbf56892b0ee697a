"""The plots of a report: Vega-Lite specifications, drawn as SVG by vl-convert, without a browser and without a script.

Colours are names of the page's style, so that a plot follows its light or dark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from homeport.core.errors import EngineError
from homeport.inspection.findings import Findings
from homeport.inspection.visible import visible

_INK, _GRID = "#010101", "#020202"
_SERIES = ("#030303", "#040404", "#050505")
_CLASSES = {_INK: "ink", _GRID: "grid", _SERIES[0]: "first", _SERIES[1]: "second", _SERIES[2]: "third"}
_WIDTH = 640
_MOST_LABELS = 40
_CONFIG = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": _GRID,
        "domainColor": _GRID,
        "tickColor": _GRID,
        "labelLimit": 90,
    },
    "legend": {"labelColor": _INK, "titleColor": _INK, "orient": "top"},
}

Rows = Sequence[Mapping[str, Any]]


def require_plots() -> None:
    """Refuse what could not be drawn in the end. Raises EngineError: inspect_plots_missing."""
    try:
        import vl_convert  # noqa: F401  heavy, and asked for only here and where something is drawn
    except ImportError as error:
        raise EngineError(
            "the plots need vl-convert-python", code="inspect_plots_missing", hint="pip install 'homeport[inspect]'"
        ) from error


def draw(spec: Mapping[str, Any]) -> str:
    """The plot as SVG, with the style's classes for colours.

    Raises:
        EngineError: inspect_plots_missing; vl-convert is not installed.
    """
    require_plots()
    import vl_convert

    svg = str(vl_convert.vegalite_to_svg({**spec, "config": _CONFIG}))
    for colour, name in _CLASSES.items():
        for part in ("fill", "stroke"):
            svg = svg.replace(f'{part}="{colour}"', f'class="{part}-{name}"')
    return svg


def answer_plot(findings: Findings) -> Mapping[str, Any]:
    """Log-probability of each token of the answer, above the entropy of what could have come."""
    names = _places(findings)
    rows = [
        {"token": name, "logprob": token.logprob or 0.0, "entropy": token.entropy or 0.0}
        for name, token in zip(names, findings.answer, strict=True)
    ]
    parts = [("logprob", "log-probability (nats)", _SERIES[0]), ("entropy", "entropy (nats)", _SERIES[1])]
    charts = [_bars(rows, names, field, title, colour) for field, title, colour in parts]
    return {"vconcat": charts, "data": {"values": rows}}


def change_plot(findings: Findings) -> Mapping[str, Any]:
    """By how much each token of the answer is likelier, or less likely, with the heads changed."""
    assert findings.change is not None
    names = _places(findings)
    rows = [
        {"token": name, "difference": after - (token.logprob or 0.0)}
        for name, token, after in zip(names, findings.answer, findings.change.logprobs, strict=True)
    ]
    return {**_bars(rows, names, "difference", "change (nats)", _SERIES[0]), **_data(rows)}


def sweep_plot(findings: Findings) -> Mapping[str, Any]:
    """By how much the answer is less likely without each head: bars of one layer, a map of all."""
    rows = [{"layer": one.layer, "head": str(one.head), "difference": one.difference} for one in findings.sweep]
    title = "change (nats)"
    if len({one.layer for one in findings.sweep}) == 1:
        return {
            **_bars(rows, [str(one.head) for one in findings.sweep], "difference", title, _SERIES[0], "head"),
            **_data(rows),
        }
    most = max(abs(one.difference) for one in findings.sweep) or 1.0
    colour = {"field": "difference", "type": "quantitative", "title": title}
    scale = {"scheme": "purpleorange", "domain": [-most, most], "reverse": True}
    return {
        **_data(rows),
        "mark": {"type": "rect"},
        "width": _WIDTH,
        "height": {"step": 11},
        "encoding": {
            "x": {"field": "head", "type": "ordinal", "sort": None, "axis": {"labelAngle": 0}},
            "y": {"field": "layer", "type": "ordinal"},
            "color": {**colour, "scale": scale},
        },
    }


def norms_plot(findings: Findings) -> Mapping[str, Any]:
    """How long the hidden states are, layer by layer: of the first token, of the prompt, of the answer."""
    groups = {
        "first token": range(1),
        "prompt": range(1, findings.first_answer),
        "answer": range(findings.first_answer, len(findings.tokens)),
    }
    rows: list[dict[str, Any]] = [
        {"layer": layer, "of": name, "norm": sum(norms[at] for at in places) / len(places)}
        for layer, norms in enumerate(findings.norms)
        for name, places in groups.items()
        if places
    ]
    scale = {"type": "log"} if all(row["norm"] > 0 for row in rows) else {}
    y = {"field": "norm", "type": "quantitative", "title": "mean norm", "scale": scale, "axis": {"tickCount": 5}}
    return _lines(rows, y, "layers passed", list(groups))


def lens_plot(findings: Findings) -> Mapping[str, Any]:
    """How likely the tokens of the answer already are after each layer: the first, and the mean."""
    rows = []
    for layer, seen in enumerate(findings.lens, start=1):
        mean = sum(one.logprob for one in seen) / len(seen)
        rows += [
            {"layer": layer, "of": "first token of the answer", "logprob": seen[0].logprob},
            {"layer": layer, "of": "mean of the answer", "logprob": mean},
        ]
    y = {"field": "logprob", "type": "quantitative", "title": "log-probability (nats)"}
    return _lines(rows, y, "layers passed", ["first token of the answer", "mean of the answer"])


def _lines(rows: Rows, y: Mapping[str, Any], x_title: str, names: Sequence[str]) -> Mapping[str, Any]:
    colour = {"domain": list(names), "range": list(_SERIES[: len(names)])}
    return {
        **_data(rows),
        "width": _WIDTH,
        "height": 220,
        "mark": {"type": "line", "point": {"size": 18}},
        "encoding": {
            "x": {"field": "layer", "type": "quantitative", "title": x_title},
            "y": y,
            "color": {"field": "of", "type": "nominal", "title": None, "scale": colour},
            "strokeDash": {"field": "of", "type": "nominal", "title": None, "scale": {"domain": list(names)}},
        },
    }


def _bars(rows: Rows, names: Sequence[str], field: str, title: str, colour: str, by: str = "token") -> dict[str, Any]:
    every = max(1, -(-len(names) // _MOST_LABELS))
    return {
        "width": _WIDTH,
        "height": 150,
        "mark": {"type": "bar", "color": colour},
        "encoding": {
            "x": {
                "field": by,
                "type": "nominal",
                "sort": None,
                "title": by,
                "axis": {"labelAngle": -60, "values": list(names[::every])},
            },
            "y": {"field": field, "type": "quantitative", "title": title},
        },
    }


def _data(rows: Rows) -> dict[str, Any]:
    return {"data": {"values": list(rows)}}


def _places(findings: Findings) -> list[str]:
    """Names of the answer's tokens; the number keeps equal ones apart."""
    return [f"{at} {visible(token.text, 16)}" for at, token in enumerate(findings.answer)]
