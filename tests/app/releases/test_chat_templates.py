"""Chat templates render the rows of a release, as transformers and TRL do it.

The environment is that of transformers: a sandbox with immutable values, `raise_exception`, and a
`tojson` that doesn't escape HTML:
https://huggingface.co/docs/transformers/chat_templating_writing.
"""

import json
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from jinja2 import TemplateError
from jinja2.ext import LoopControlExtension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.releases.manifest import MANIFEST_FILE, decode_manifest
from app.services import Services
from tests.app.releases.factories import (
    PresetStages,
    make_recipe,
    make_row,
    make_tool_row,
    make_turn,
    read_release,
    releases_of,
)
from tests.factories import commit_batch, make_received

CHATML: Final = """
{%- if tools %}<|im_start|>tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}
{{- message.content }}
{%- for call in message.tool_calls or [] %}
{%- set given = call.function.arguments %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {% if given is string %}{{ given }}
{%- else %}{{ given | tojson }}{% endif %}}</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}"""
STRICT: Final = """
{%- set said = namespace(user=true) %}
{%- for message in messages %}
{%- if message.role == "user" or (message.role == "assistant" and not message.tool_calls) %}
{%- if (message.role == "user") != said.user %}
{{- raise_exception("roles must alternate: user, assistant, user …") }}
{%- endif %}
{%- set said.user = not said.user %}
{%- endif %}
{%- if message.role == "user" %}[INST] {{ message.content }} [/INST]
{%- elif message.role == "tool" %}[RESULT]{{ message.tool_call_id }}: {{ message.content }}[/RESULT]
{%- elif message.role == "system" %}[SYSTEM]{{ message.content }}[/SYSTEM]
{%- elif message.tool_calls %}[CALLS]
{%- for call in message.tool_calls %}
{%- for name, value in call.function.arguments | items %}
{{- call.function.name }}:{{ name }}={{ value }}
{%- endfor %}{% endfor %}[/CALLS]
{%- else %}{{ message.content }}</s>
{%- endif %}
{%- endfor %}"""
"""Like CHATML, but it insists on turns that alternate, and on arguments that are objects."""


def render(template: str, row: dict[str, Any], *lists: str) -> str:
    """Apply a template to the messages in some columns of a row."""

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension]
    )
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    # TRL's trainers read tools that are a text as JSON.
    tools = json.loads(row["tools"]) if row.get("tools") else None
    messages = [message for name in lists for message in row[name]]
    return environment.from_string(template).render(messages=messages, tools=tools)


def with_objects(row: dict[str, Any]) -> dict[str, Any]:
    """Parse the arguments of calls, as `docs/releases.md` shows it."""
    for message in row["messages"]:
        for call in message["tool_calls"] or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return row


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Rows of a stage with and without tools, some of them with a system prompt."""
    calls = [{"id": None, "name": name, "arguments": None} for name in ("now", "here")]
    two_calls = [
        make_turn("system", "Be brief."),
        make_turn("user", "Where am I, and when?"),
        make_turn("assistant", tool_calls=calls),
        make_turn("tool", "noon"),
        make_turn("tool", "Bonn"),
        make_turn("assistant", "In Bonn, at noon."),
    ]
    return [
        *(make_tool_row(number, day=number % 2) for number in range(5)),
        *(make_row(number, "Hi", "Hello", "Thanks", "Bye") for number in range(5, 10)),
        make_row(10, conversation=two_calls),
    ]


@pytest.fixture(scope="module")
def built(shared_services: Services, rows: list[dict[str, Any]]) -> Callable[..., Path]:
    """Returns the folder of a curated release of these rows, given its recipe without a name."""
    snapshot = commit_batch(shared_services, make_received())
    releases = releases_of(shared_services, PresetStages(shared_services.catalog, rows))
    numbers = count()

    @cache
    def build(**recipe: Any) -> Path:
        name = f"release-{next(numbers)}"
        releases.build(make_recipe(name, "curated", **recipe), snapshot)
        return shared_services.settings.releases / name

    return build


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a release."""
    manifest = decode_manifest((folder / MANIFEST_FILE).read_bytes())
    rows: list[dict[str, Any]] = read_release(folder, manifest).to_pylist()
    return rows


@pytest.mark.parametrize("template", [CHATML, STRICT])
def test_templates_render_every_row_of_a_release_with_calls_of_tools(
    built: Callable[..., Path], template: str
) -> None:
    rows = rows_in(built())
    texts = [render(template, with_objects(row), "messages") for row in rows]
    assert len(texts) == 11
    called = [text for text in texts if "sunny" in text]
    assert len(called) == 5
    assert all("weather" in text and "Bonn" in text for text in called)
    assert all("None" not in text for text in called)


def test_a_template_that_takes_texts_writes_the_arguments_as_they_are(
    built: Callable[..., Path],
) -> None:
    rows = rows_in(built())
    texts = [render(CHATML, row, "messages") for row in rows]
    call = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>'
    assert sum(call in text for text in texts) == 5
    assert sum("<think>I look it up.</think>" in text for text in texts) == 5
    assert (
        sum('{"type": "function", "function": {"name": "weather"}}' in text for text in texts) == 5
    )
    assert any('{"name": "here", "arguments": {}}' in text for text in texts)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_trainer_that_knows_texts_alone_reads_the_same_columns(
    built: Callable[..., Path], form: Any
) -> None:
    folder = built(formats=(form,), test_percent=0)
    if form == "jsonl":
        lines = (folder / "jsonl/train-00000.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        plain = [row for row in rows if len(row["messages"]) == 4 and not row["tools"]]
        assert len(plain) == 5
        # What a message doesn't have isn't there at all.
        assert all(set(said) == {"role", "content"} for row in plain for said in row["messages"])
    else:
        rows = rows_in(folder)
    texts = [
        "".join(f"{said['role']}: {said['content']}\n" for said in row["messages"]) for row in rows
    ]
    assert "user: Hi\nassistant: Hello\nuser: Thanks\nassistant: Bye\n" in texts


@pytest.mark.parametrize("template", [CHATML, STRICT])
def test_templates_render_both_sides_of_every_pair(
    built: Callable[..., Path], template: str
) -> None:
    rows = rows_in(built(form="preference"))
    assert len(rows) == 5
    for row in rows:
        for message in row["prompt"]:
            for call in message["tool_calls"] or []:
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        prompt = render(template, row, "prompt")
        for answer, said in (("chosen", "sunny"), ("rejected", "raining")):
            whole = render(template, row, "prompt", answer)
            # TRL finds the tokens of an answer behind those of its prompt.
            assert whole.startswith(prompt)
            assert said in whole.removeprefix(prompt)
