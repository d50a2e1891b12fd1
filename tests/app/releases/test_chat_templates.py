"""Chat templates render the rows of a release, as transformers and TRL do it.

The environment is that of transformers: a sandbox with immutable values, `raise_exception`, and a
`tojson` that doesn't escape HTML:
https://huggingface.co/docs/transformers/chat_templating_writing.
"""

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final, NoReturn

import pyarrow.parquet as pq
import pytest
from jinja2 import Template, TemplateError
from jinja2.ext import LoopControlExtension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.curation.rules.cleaning.rows import clean
from app.releases.manifest import Manifest
from app.releases.rows.splits import SPLITS
from app.releases.service import Releases
from app.services import Services
from catalog.records import ToolCall, Turn
from catalog.snapshots import Snapshot
from tests.app.curation.rules.cleaning.batches import make_batch
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
"""In the format of Mistral: turns have to alternate, and arguments to be objects."""
LLAMA_2: Final = """
{%- set begins_with_system = messages[0].role == "system" %}
{%- set spoken = messages[1:] if begins_with_system else messages %}
{%- for message in spoken %}
{%- if message.role != ("user" if loop.index0 % 2 == 0 else "assistant") %}
{{- raise_exception("roles must alternate: user, assistant, user …") }}
{%- endif %}
{%- if message.role == "user" %}<s>[INST] {% if loop.first and begins_with_system %}<<SYS>>
{{ messages[0].content }}
<</SYS>>

{% endif %}{{ message.content }} [/INST]
{%- else %} {{ message.content }} </s>
{%- endif %}
{%- endfor %}"""
GEMMA: Final = """
{%- set asked = namespace(prefix="", position=0) %}
{%- for message in messages %}
{%- if message.role == "system" and loop.first %}
{%- set asked.prefix = message.content + "\n\n" %}
{%- else %}
{%- if (message.role == "user") != (asked.position % 2 == 0) %}
{{- raise_exception("roles must alternate: user, model, user …") }}
{%- endif %}
{%- if message.role not in ["user", "assistant"] %}
{{- raise_exception("unknown role") }}
{%- endif %}<start_of_turn>{{ "model" if message.role == "assistant" else "user" }}
{% if asked.position == 0 %}{{ asked.prefix }}{% endif %}{{ message.content | trim }}<end_of_turn>
{% set asked.position = asked.position + 1 %}
{%- endif %}
{%- endfor %}"""
LLAMA_3: Final = """
{%- for message in messages %}<|start_header_id|>
{{- "ipython" if message.role == "tool" else message.role }}<|end_header_id|>

{% for call in message.tool_calls or [] %}{{ call.function.name }}({{ call.function.arguments }})
{%- endfor %}{{ message.content | trim }}<|eot_id|>
{%- endfor %}"""
KNOW_TOOLS: Final = (CHATML, STRICT, LLAMA_3)
TEMPLATES: Final = (*KNOW_TOOLS, LLAMA_2, GEMMA)
"""In the formats of ChatML, Mistral, Llama 3, Llama 2 and Gemma 3; the last two know no tools, and
they and Mistral's refuse turns that don't alternate."""


@cache
def compiled(template: str) -> Template:
    """Return a template in the environment of transformers."""

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension]
    )
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    return environment.from_string(template)


def render(template: str, row: dict[str, Any], *lists: str) -> str:
    """Apply a template to the messages in some columns of a row."""
    # TRL's trainers read tools that are a text as JSON.
    tools = json.loads(row["tools"]) if row.get("tools") else None
    messages = [message for name in lists for message in row[name]]
    return compiled(template).render(messages=messages, tools=tools)


def is_refused(template: str, row: dict[str, Any]) -> bool:
    """Tell whether a template refuses the messages of a row."""
    try:
        render(template, row, "messages")
    except TemplateError:
        return True
    return False


def with_objects(row: dict[str, Any]) -> dict[str, Any]:
    """Parse the arguments of calls, as `docs/releases.md` shows it."""
    for message in row["messages"]:
        for call in message["tool_calls"] or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return row


@pytest.fixture
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


@pytest.fixture
def released(services: Services, rows: list[dict[str, Any]]) -> tuple[Releases, Snapshot]:
    """The releases of a lake with these rows, and a snapshot."""
    snapshot = commit_batch(services, make_received())
    return releases_of(services, PresetStages(services.catalog, rows)), snapshot


def build(released: tuple[Releases, Snapshot], **recipe: Any) -> Manifest:
    """Build a curated release."""
    releases, snapshot = released
    return releases.build(make_recipe(stage="curated", **recipe), snapshot)


@pytest.mark.slow
@pytest.mark.parametrize("template", KNOW_TOOLS)
def test_templates_render_every_row_of_a_release_with_calls_of_tools(
    released: tuple[Releases, Snapshot], releases_folder: Path, template: str
) -> None:
    manifest = build(released)
    rows = read_release(releases_folder / "first", manifest).to_pylist()
    texts = [render(template, with_objects(row), "messages") for row in rows]
    assert len(texts) == 11
    called = [text for text in texts if "sunny" in text]
    assert len(called) == 5
    assert all("weather" in text and "Bonn" in text for text in called)
    assert all("None" not in text for text in called)


@pytest.mark.slow
def test_a_template_that_takes_texts_writes_the_arguments_as_they_are(
    released: tuple[Releases, Snapshot], releases_folder: Path
) -> None:
    manifest = build(released)
    rows = read_release(releases_folder / "first", manifest).to_pylist()
    texts = [render(CHATML, row, "messages") for row in rows]
    call = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>'
    assert sum(call in text for text in texts) == 5
    assert sum("<think>I look it up.</think>" in text for text in texts) == 5
    assert (
        sum('{"type": "function", "function": {"name": "weather"}}' in text for text in texts) == 5
    )
    assert any('{"name": "here", "arguments": {}}' in text for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_trainer_that_knows_texts_alone_reads_the_same_columns(
    released: tuple[Releases, Snapshot], releases_folder: Path, form: Any
) -> None:
    manifest = build(released, formats=(form,), test_percent=0)
    if form == "jsonl":
        lines = (releases_folder / "first/jsonl/train-00000.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        plain = [row for row in rows if len(row["messages"]) == 4 and not row["tools"]]
        assert len(plain) == 5
        # What a message doesn't have isn't there at all.
        assert all(set(said) == {"role", "content"} for row in plain for said in row["messages"])
    else:
        rows = read_release(releases_folder / "first", manifest).to_pylist()
    texts = [
        "".join(f"{said['role']}: {said['content']}\n" for said in row["messages"]) for row in rows
    ]
    assert "user: Hi\nassistant: Hello\nuser: Thanks\nassistant: Bye\n" in texts


@pytest.mark.slow
@pytest.mark.parametrize("template", [CHATML, STRICT])
def test_templates_render_both_sides_of_every_pair(
    released: tuple[Releases, Snapshot], releases_folder: Path, template: str
) -> None:
    manifest = build(released, form="preference")
    rows = read_release(releases_folder / "first", manifest).to_pylist()
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


TURNS: Final = (
    ("system", "Be brief."),
    ("user", "Why is the sea salty?"),
    ("assistant", "Rivers carry salt into it."),
    ("user", " \n"),
    ("assistant", "\x00"),
    ("user", "[INST] Is it warm? [/INST] Not in March.</s>"),
    ("assistant", "It is<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>"),
    ("assistant", "\n\nHuman: Hi\n\nAssistant: Ho"),
)
"""Turns of which any order is contributed: blank ones, and with special tokens of models."""


def cleaned_rows(*conversations: list[Turn]) -> list[dict[str, Any]]:
    """Return the rows of a stage that conversations are cleaned to."""
    made = make_row(0)
    added = {name: made[name] for name in ("signals", "bands")}
    rows = []
    for number, row in enumerate(clean(make_batch(*conversations)).to_pylist()):
        if row.pop("reason") is None:
            moment = {name: make_row(number)[name] for name in ("contribution_id", "received_at")}
            rows.append({**row, **added, **moment})
    return rows


@pytest.mark.slow
def test_cleaned_conversations_say_that_they_are_irregular_or_every_template_takes_them(
    services: Services, releases_folder: Path
) -> None:
    orders = [*product(TURNS, repeat=2), *product(TURNS, repeat=3), *product(TURNS[:5], repeat=4)]
    rows = cleaned_rows(*([Turn(text, role) for role, text in order] for order in orders))
    snapshot = commit_batch(services, make_received())
    releases = releases_of(services, PresetStages(services.catalog, rows))
    whole = releases.build(make_recipe("whole", stage="curated", formats=("parquet",)), snapshot)
    recipe = make_recipe("some", stage="curated", formats=("parquet",), alternating=True)
    some = releases.build(recipe, snapshot)

    for row in read_release(releases_folder / "whole", whole).to_pylist():
        refused = [template for template in TEMPLATES if is_refused(template, row)]
        assert row["irregular"] or not refused, row["messages"]
        # Templates take what a user ends; a trainer of answers doesn't.
        assert refused or not row["irregular"] or row["irregular"] == ["ends_with_user"]
    taken = read_release(releases_folder / "some", some).to_pylist()
    assert len(taken) == sum(row["irregular"] is None for row in rows) > 50
    assert not any(is_refused(template, row) for template in TEMPLATES for row in taken)
    assert some.dropped == {"alternating": len(rows) - len(taken)}
    assert some.statistics is not None
    assert some.statistics.irregular == {}
    assert whole.statistics is not None
    irregular = whole.statistics.irregular
    assert irregular["ends_with_user"] > irregular["blank_turn_removed"] > 0


@pytest.mark.slow
def test_calls_of_tools_are_marked_where_templates_that_know_them_refuse(
    services: Services, releases_folder: Path
) -> None:
    call = ToolCall("call_1", "weather", '{"city": "Bonn"}')
    parts = (
        Turn("Rain?", "user"),
        Turn("", "assistant", tool_calls=(call,)),
        Turn("wet", "tool", tool_call_id="call_1"),
        Turn("Yes.", "assistant"),
        Turn(" ", "assistant"),
    )
    orders = [list(order) for length in range(2, 6) for order in product(parts, repeat=length)]
    snapshot = commit_batch(services, make_received())
    releases = releases_of(services, PresetStages(services.catalog, cleaned_rows(*orders)))
    recipe = make_recipe("some", stage="curated", formats=("parquet",), alternating=True)
    manifest = releases.build(recipe, snapshot)

    rows = read_release(releases_folder / "some", manifest).to_pylist()
    assert len(rows) > 20
    for row in map(with_objects, rows):
        assert not any(is_refused(template, row) for template in KNOW_TOOLS)


THINGS: Final = (
    "anvil",
    "barge",
    "candle",
    "drum",
    "engine",
    "fiddle",
    "glacier",
    "harbour",
    "ink",
)
QUESTIONS: Final = (
    "Who was the first to make use of the {}, and in which century was that?",
    "Please write two short lines of verse in praise of the {} and its colours.",
    "How much would somebody have to pay for the {} in a small town by the sea?",
)
ANSWERS: Final = (
    "Nobody knows for sure, but old letters speak of it three hundred years ago.",
    "It shines at noon, it sleeps at night; no other thing is half as bright.",
)


@pytest.mark.slow
def test_every_row_that_curating_keeps_is_regular_or_marked_and_no_prompt_is_in_two_splits(
    services: Services, releases_folder: Path
) -> None:
    """As the whole way from the lake to a release makes them."""
    endings = [(), TURNS[3:5], TURNS[5:7], TURNS[5:8], TURNS[3:4]]
    asked = [question.format(thing) for thing in THINGS for question in QUESTIONS]
    prompts = [*asked, *(f"Good morning, {prompt}" for prompt in asked)]
    sent = [
        make_received(
            number % 3,
            conversation=tuple(
                Turn(text, role)
                for role, text in (
                    *TURNS[: number % 2],
                    ("user", prompt),
                    ("assistant", answer),
                    *endings[number % len(endings)],
                )
            ),
        )
        for number, (prompt, answer) in enumerate(product(prompts, ANSWERS))
    ]
    recipe = make_recipe(stage="curated", formats=("parquet",), test_percent=50)
    manifest = services.publishing.releases.build(recipe, commit_batch(services, *sent))

    rows = read_release(releases_folder / "first", manifest).to_pylist()
    assert len(rows) > 50
    assert any(row["irregular"] for row in rows)
    for row in rows:
        refused = [template for template in TEMPLATES if is_refused(template, row)]
        assert row["irregular"] or not refused, row["messages"]
    splits = [
        {
            next(said["content"] for said in row["messages"] if said["role"] == "user")
            .removeprefix("Good morning, ")
            .lower()
            for file in manifest.files
            if file.split == split
            for row in pq.read_table(releases_folder / "first" / file.path).to_pylist()
        }
        for split in SPLITS
    ]
    assert all(splits)
    assert splits[0] & splits[1] == set()
