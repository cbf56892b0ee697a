"""Replicate's predictions: made, waited for or polled, streamed, and canceled.

Source: https://replicate.com/docs/reference/http and https://replicate.com/docs/topics/predictions/streaming.
"""

import re
from collections import OrderedDict
from typing import Any

import msgspec

from homeport.providers.simulated.draft import Ask, Draft
from homeport.providers.simulated.openai import whole
from homeport.sim.reply import Event, Knobs, Refused, Reply, Request, encode

_PATH = re.compile(r"/predictions(?:/(?P<id>[\w-]+)(?P<verb>/cancel|/stream)?)?$")
_MODEL = re.compile(r"/models/(?P<model>[^/]+/[^/]+)/predictions$")
_KEPT = 1000
_TITLES = {
    401: ("Unauthenticated", "You did not pass a valid authentication token"),
    402: ("Insufficient credit", "You have insufficient credit to run this model."),
    403: ("Forbidden", "You do not have permission to perform this action."),
    404: ("Not found", "The requested resource could not be found."),
    422: ("Input validation failed", "The input is invalid."),
    429: ("Too many requests", "Request was throttled."),
    500: ("Internal server error", "An error occurred while processing your request."),
}


class _Prediction(msgspec.Struct, kw_only=True):
    draft: Draft
    input: dict[str, Any]
    base_url: str
    status: str = "starting"


class Replicate:
    """Remembers the last predictions, for those who ask for them later."""

    def __init__(self) -> None:
        self._predictions: OrderedDict[str, _Prediction] = OrderedDict()

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        match = _PATH.search(request.path)
        name, verb = (match["id"], match["verb"]) if match else (None, None)
        if name is None:
            return self._create(request, knobs)
        prediction = self._predictions.get(name)
        if prediction is None:
            raise Refused(404, "")
        if (request.method == "POST") != (verb == "/cancel"):
            raise Refused(405, f'Method "{request.method}" not allowed.')
        if verb == "/stream":
            prediction.status = "succeeded"
            return _streamed(name, prediction)
        if verb == "/cancel" and prediction.status != "succeeded":
            prediction.status = "canceled"
        reply = Reply(body=encode(_told(name, prediction, knobs)))
        if prediction.status in ("starting", "processing"):
            # Who polls sees each state once.
            prediction.status = "processing" if prediction.status == "starting" else "succeeded"
        return reply

    def refusal(self, refused: Refused) -> Reply:
        title, words = _TITLES.get(refused.status, ("Error", "The request was refused."))
        detail = f"Simulated: {refused.message or words}"
        if refused.retry_after:
            detail += f" Expected available in {refused.retry_after} seconds."
        return Reply(body=encode({"title": title, "detail": detail, "status": refused.status}), status=refused.status)

    def _create(self, request: Request, knobs: Knobs) -> Reply:
        fields = request.fields()
        given = fields.get("input")
        match = _MODEL.search(request.path)
        model = match["model"] if match else fields.get("version") or fields.get("model")
        if not isinstance(model, str) or not isinstance(given, dict):
            raise Refused(422, "- input: is required" if isinstance(model, str) else "- version: is required")
        made = knobs.draft(_read(given, model))
        name = f"sim{made.digest[:23]}"
        base_url = f"http://{request.headers.get('host', 'localhost')}{request.path.partition('/v1/')[0]}/v1"
        prediction = _Prediction(draft=made, input=given, base_url=base_url)
        self._remember(name, prediction)
        tokens = made.input_tokens + made.output_tokens
        if not request.headers.get("prefer", "").startswith("wait"):
            return Reply(status=201, body=encode(_told(name, prediction, knobs)), tokens=tokens)
        prediction.status = "succeeded"
        body = encode(_told(name, prediction, knobs))
        return Reply(status=201, body=body, tokens=tokens, paced=made.output_tokens)

    def _remember(self, name: str, prediction: _Prediction) -> None:
        self._predictions[name] = prediction
        self._predictions.move_to_end(name)
        while len(self._predictions) > _KEPT:
            self._predictions.popitem(last=False)


def _read(given: dict[str, Any], model: str) -> Ask:
    texts = [given[field] for field in ("system_prompt", "prompt") if isinstance(given.get(field), str)]
    limit = next(
        (given[field] for field in ("max_tokens", "max_new_tokens", "max_completion_tokens") if field in given), 0
    )
    stop = given.get("stop_sequences") or given.get("stop")
    return Ask(
        model=model,
        texts=tuple(texts),
        images=1 if given.get("image") else 0,
        seed=whole(given.get("seed"), 0),
        limit=whole(limit, 0),
        stops=tuple(part for part in stop.split(",") if part) if isinstance(stop, str) else (),
    )


def _told(name: str, prediction: _Prediction, knobs: Knobs) -> dict[str, Any]:
    draft, base = prediction.draft, f"{prediction.base_url}/predictions/{name}"
    done = prediction.status == "succeeded"
    counted = {"input_token_count": draft.input_tokens, "output_token_count": draft.output_tokens}
    metrics = {"predict_time": 0.01, **(counted if knobs.usage else {})}
    return {
        "id": name,
        "model": draft.model,
        "version": "hidden",
        "input": prediction.input,
        "logs": "",
        "output": list(draft.choices[0].pieces) if done else None,
        "data_removed": False,
        "error": None,
        "status": prediction.status,
        "created_at": "2026-01-01T00:00:00.000Z",
        **({"started_at": "2026-01-01T00:00:00.000Z", "completed_at": "2026-01-01T00:00:00.010Z"} if done else {}),
        "urls": {"get": base, "cancel": f"{base}/cancel", "stream": f"{base}/stream"},
        **({"metrics": metrics} if done else {}),
    }


def _streamed(name: str, prediction: _Prediction) -> Reply:
    """Plain text in events named `output`; an object only at the end."""
    draft = prediction.draft
    output = [
        Event(name="output", data=piece.replace("\n", " ").encode(), paced=True) for piece in draft.choices[0].pieces
    ]
    done = Event(name="done", data=b"{}", done=True)
    error = Event(name="error", data=encode({"detail": "Simulated: the prediction failed."}))
    return Reply(events=(*output, done), error_event=error)
