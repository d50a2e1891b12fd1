"""Traces of services that watch applications: a span a row, of which some are calls of a model.

Services differ in where they say what a span is, what was asked and what was answered. A span of
another kind (a task, a tool, a chain) repeats what its calls of models say, and holds no
conversation of its own.

Sources: braintrustdata/braintrust-sdk, py/src/braintrust (`span_attributes`); wandb/weave,
weave/trace_server/trace_server_interface.py (`op_name`); mlflow/mlflow, mlflow/tracing/constant.py;
DataDog/dd-trace-py, ddtrace/llmobs (`span_kind`, `meta`); comet-ml/opik, sdks/python.
"""

import json
from typing import Final

from chatlake_client.conversation import Conversation
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.gateways import MODEL_CALLS
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.requests import is_request, read_request

MLFLOW_INPUTS: Final = "mlflow.spanInputs"
MLFLOW_OUTPUTS: Final = "mlflow.spanOutputs"
MLFLOW_KIND: Final = "mlflow.spanType"
MARKS: Final = ("span_attributes", "op_name", "span_kind", "attributes", "meta", "parent_span_id")
"""Keys of which each span has at least one."""


def is_span(row: Json) -> bool:
    """Tell whether a row is a span of Braintrust, Weave, MLflow or Datadog."""
    attributes, meta = row.get("attributes"), row.get("meta")
    return (
        isinstance(row.get("span_attributes"), dict)
        or isinstance(row.get("span_kind"), str)
        or ("op_name" in row and "inputs" in row)
        or (isinstance(attributes, dict) and MLFLOW_INPUTS in attributes)
        or (
            isinstance(meta, dict) and "input" in meta and bool({"kind", "span.kind"} & meta.keys())
        )
    )


def read_span(row: Fields) -> Conversation | None:
    """Return the conversation of a call of a model; other spans hold none.

    Raises:
        RowError: A span says that it is a call of a model, and not in a known form.
    """
    kind = _kind(row)
    if kind is not None and kind.lower() not in MODEL_CALLS:
        return None
    call = row.losses.open(_call(row.rest()), level=Level.ROW)
    if not is_request({key: call.peek(key) for key in call.keys()}):  # noqa: SIM118  # no dict
        if kind is None:
            return None
        raise RowError("a call of a model without messages, a prompt or an answer")
    return read_request(call)


def _kind(row: Fields) -> str | None:
    """Return what a span says that it is."""
    attributes, about, meta = (
        value if isinstance(value, dict) else {}
        for value in map(row.peek, ("attributes", "span_attributes", "meta"))
    )
    stated = (
        about.get("type"),
        row.peek("span_kind"),
        meta.get("kind") or meta.get("span.kind"),
        _value(attributes.get(MLFLOW_KIND)),
    )
    return next((kind for kind in stated if isinstance(kind, str)), None)


def _call(span: Json) -> Json:
    """Return a span with what was asked and answered under `input` and `output`."""
    attributes, meta = span.get("attributes"), span.get("meta")
    if isinstance(attributes, dict) and MLFLOW_INPUTS in attributes:
        attributes = dict(attributes)
        span["input"] = _value(attributes.pop(MLFLOW_INPUTS))
        span["output"] = _value(attributes.pop(MLFLOW_OUTPUTS, None))
        span["attributes"] = attributes
    if isinstance(meta, dict):
        return {**{key: value for key, value in span.items() if key != "meta"}, **meta}
    return span


def _value(text: object) -> object:
    """Return a value of MLflow, which writes JSON into texts."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
