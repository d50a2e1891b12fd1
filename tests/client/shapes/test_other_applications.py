"""Exports, backups and logs of applications beyond what their files in `exports` show."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chatlake_client.contract import Defaults, Terms, submissions_of
from chatlake_client.conversation import Conversation
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.importer import Found, read_conversations
from tests.client.reading import body_of, conversation_of, file_of, found_of, read_all, texts

ASKED = {"role": "user", "content": "Which tea?"}
ANSWERED = {"role": "assistant", "content": "Green."}
TALK = [("user", "Which tea?"), ("assistant", "Green.")]
FOLDER = Path(__file__).parents[1] / "exports"


def read(path: Path, *rows: Any) -> list[Conversation]:
    conversations, rejected, _ = read_all(file_of(path, *rows))
    assert rejected == []
    return conversations


@pytest.mark.parametrize("holder", ["sessions", "chats", "items"])
def test_conversations_are_found_deep_in_a_backup(tmp_path: Path, holder: str) -> None:
    chat = {"id": "1", "messages": [ASKED, ANSWERED]}
    backup = {"store": {holder: [chat, chat]}, "settings": {"apiKey": "x"}}
    first, second = read(tmp_path / "backup.json", backup)
    assert texts(first.turns) == texts(second.turns) == TALK


def test_conversations_of_a_backup_may_have_a_key_each(tmp_path: Path) -> None:
    chat = {"id": "1", "messages": [ASKED, ANSWERED]}
    found = read(tmp_path / "backup.json", {"session:1": chat, "session:2": chat, "version": 3})
    assert [texts(one.turns) for one in found] == [TALK, TALK]


def test_what_stands_beside_conversations_is_not_lost(tmp_path: Path) -> None:
    backup = {"data": {"chats": [{"messages": [ASKED]}], "system_prompt": "Be brief"}}
    with pytest.raises(Exception, match="would lose system_prompt beside the conversations"):
        read(tmp_path / "backup.json", backup)


def test_the_turns_of_one_object_are_one_conversation(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    logs = [{"log": [{"role": "user", "content": text}, ANSWERED]} for text in "ab"]
    path.write_text("\n".join(json.dumps(log, indent=1) for log in logs))
    conversations, _, _ = read_all(path)
    answered = ("assistant", "Green.")
    assert [texts(one.turns) for one in conversations] == [
        [("user", "a"), answered],
        [("user", "b"), answered],
    ]


def test_a_list_under_an_unknown_key_in_which_nobody_answers_is_no_conversation() -> None:
    with pytest.raises(RowError, match="nobody answers in log"):
        conversation_of({"session": "a", "log": [ASKED]})


@pytest.mark.parametrize("start", [0, 1])
def test_a_text_thread_of_zed_is_cut_at_whole_characters(start: int) -> None:
    messages = [{"start": 0, "metadata": {"role": "user"}}]
    messages.append({"start": start + 1, "metadata": {"role": "assistant"}})
    row = {"zed": "context", "text": "äb", "messages": messages}
    if start == 0:
        with pytest.raises(RowError, match="within a character"):
            conversation_of(row)
    else:
        assert texts(conversation_of(row).turns) == [("user", "ä"), ("assistant", "b")]


def test_a_pair_of_messages_counts_what_stands_beside_them() -> None:
    pair = {"user": {"text": "Which tea?"}, "assistant": {"text": "Green."}, "score": 1}
    conversation, losses = found_of({"exchanges": [pair]})
    assert texts(conversation.turns) == TALK
    assert "exchanges[].score" in losses.count(tuple)[0]


def test_messages_of_the_application_itself_are_left_out() -> None:
    failed = {"role": "assistant", "content": "Network error", "isError": True}
    chat = {"mask": {}, "topic": "Tea", "messages": [ASKED, failed, ANSWERED]}
    conversation = conversation_of(chat)
    assert texts(conversation.turns) == TALK
    assert conversation.title == "Tea"


def test_a_chat_of_hugging_chat_with_an_assistant_stays_one() -> None:
    chat = {"_id": "h", "assistantId": "a", "messages": [{"from": "user", "content": "Hi"}]}
    conversation = conversation_of(chat)
    assert conversation.client
    assert conversation.client.name == "HuggingChat"


def test_of_several_models_the_chosen_answer_is_the_main_one(tmp_path: Path) -> None:
    answers = [
        {"role": "assistant", "content": text, "askId": "1", "model": {"id": text}, **chosen}
        for text, chosen in (("Green.", {"useful": True}), ("Black.", {}))
    ]
    topic = {"id": "t", "messages": [{"id": "1", "assistantId": "a", **ASKED}, *answers]}
    (found,) = read(tmp_path / "backup.json", {"indexedDB": {"topics": [topic]}})
    assert texts(found.turns) == TALK
    ((other,),) = found.turns[1].alternatives
    assert (other.content, other.model) == ("Black.", "Black.")


def test_older_messages_of_deepseek_take_turns() -> None:
    row = {
        "inserted_at": "2025-02-01T10:00:00+08:00",
        "mapping": {
            "root": {"parent": None, "children": ["1"], "message": None},
            "1": {"parent": "root", "children": ["2"], "message": {"content": "Which tea?"}},
            "2": {"parent": "1", "children": [], "message": {"content": "Green."}},
        },
    }
    assert texts(conversation_of(row).turns) == TALK


def test_a_newer_version_of_a_message_of_le_chat_is_the_main_one(tmp_path: Path) -> None:
    def message(id_: str, role: str, text: str, second: int, version: int = 0) -> dict[str, Any]:
        time = f"2025-05-01T10:00:0{second}Z"
        return {
            "id": id_,
            "chatId": "c",
            "version": version,
            "role": role,
            "content": text,
            "createdAt": time,
        }

    rows = [
        message("2", "assistant", "Green.", 5, version=1),
        message("2", "assistant", "Black.", 1),
        message("1", "user", "Which tea?", 0),
    ]
    (found,) = read(tmp_path / "chat.jsonl", *rows)
    assert texts(found.turns) == TALK
    assert texts(found.turns[1].alternatives[0]) == [("assistant", "Black.")]


def test_messages_of_le_chat_with_one_time_stay_in_their_order(tmp_path: Path) -> None:
    rows = [{"id": str(n), "chatId": "c", **said} for n, said in enumerate([ASKED, ANSWERED])]
    (found,) = read(tmp_path / "chat.jsonl", *rows)
    assert texts(found.turns) == TALK


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {
                "header": "Gemini Apps",
                "time": "2025-01-01T00:00:00Z",
                "title": "Prompted Hi",
                "safeHtmlItem": [{"html": "a"}, {"html": "b"}],
            },
            "several answers",
        ),
        (
            {
                "header": "Gemini Apps",
                "time": "2025-01-01T00:00:00Z",
                "title": "Вопрос: да?",
                "safeHtmlItem": [{"html": "a"}],
            },
            "no known word",
        ),
        ({"threadName": "x", "messages": [{**ANSWERED, "isError": True}]}, "no message is left"),
        ({"inserted_at": "2025-02-01", "mapping": {}}, "no message says anything"),
        ({"conversation": {"id": "g"}, "responses": []}, "no responses"),
        ({"outputs": {"generations": [[], []]}, "inputs": {"messages": []}}, "one conversation"),
        (
            {"prompt": "q", "response_0": "a", "response_1": "b", "better_response_id": "x"},
            "number",
        ),
        ({"prompt": "q", "response_0": "a", "response_1": 1, "better_response_id": 0}, "texts"),
        ({"response_1": "a", "response_2": "b", "preference_strength": 1}, "no question"),
    ],
)
def test_what_cannot_be_told_is_rejected(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        conversation_of(row)


@pytest.mark.parametrize(
    ("strength", "answers", "preferred"),
    [(-2, ["a", "b"], "main"), (1, ["b", "a"], "main"), (0, ["a", "b"], "tie")],
)
def test_the_sign_of_a_preference_tells_the_better_answer(
    strength: int, answers: list[str], preferred: str
) -> None:
    row = {"prompt": "q", "response_1": "a", "response_2": "b", "preference_strength": strength}
    conversation = conversation_of(row)
    (answer,) = conversation.turns[1:]
    assert [answer.content, answer.alternatives[0][0].content] == answers
    assert conversation.preference
    assert conversation.preference.preferred == preferred


def test_choices_stand_in_the_order_of_their_index() -> None:
    choices = [
        {"index": place, "message": {"role": "assistant", "content": text}}
        for place, text in ((1, "Black."), (0, "Green."))
    ]
    row = {"object": "chat.completion", "model": "lark", "choices": choices}
    (turn,) = conversation_of(row).turns
    assert (turn.content, turn.alternatives[0][0].content) == ("Green.", "Black.")


@pytest.mark.parametrize(
    "order",
    [{"turn": ["2", "10", "1"]}, {"created_at": [1715000002, 1715000003, 1715000001]}],
)
def test_messages_one_a_row_are_put_in_order(tmp_path: Path, order: dict[str, list[Any]]) -> None:
    ((key, places),) = order.items()
    said = [("assistant", "Green."), ("user", "Why?"), ("user", "Which tea?")]
    rows = [
        {"conversation_id": 7, "role": role, "content": text, key: place}
        for (role, text), place in zip(said, places, strict=True)
    ]
    (found,) = read(tmp_path / "rows.jsonl", *rows)
    assert texts(found.turns) == [*TALK, ("user", "Why?")]


def test_messages_without_an_id_are_a_conversation_if_several_speak(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "rows.jsonl", ASKED, ANSWERED)
    assert texts(found.turns) == TALK
    _, rejected, _ = read_all(file_of(tmp_path / "questions.jsonl", ASKED, ASKED))
    assert [row.message for row in rejected] == [
        "a message of no conversation: no id, and nobody else speaks in the file"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>user\nWhich tea?<|im_end|>\n<|im_start|>assistant\nGreen.<|im_end|>",
        "<s>[INST] Which tea? [/INST] Green. </s>",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhich tea?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nGreen.<|eot_id|>",
        "<bos><start_of_turn>user\nWhich tea?<end_of_turn>\n"
        "<start_of_turn>model\nGreen.<end_of_turn>\n",
    ],
)
def test_a_text_that_a_template_made_is_a_transcript(text: str) -> None:
    assert texts(conversation_of({"text": text}).turns) == TALK


@pytest.mark.parametrize("text", ["See <|im_start|>user\nx<|im_end|> there", "[INST] is a mark"])
def test_a_text_about_a_template_is_no_transcript(text: str) -> None:
    with pytest.raises(RowError, match="unknown format"):
        conversation_of({"text": text})


@pytest.mark.parametrize("answers", [("chosen", "rejected"), ("completion", "")])
def test_a_prompt_that_waits_for_its_answer_is_a_transcript(answers: tuple[str, str]) -> None:
    prompt = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Which tea?\n\nAssistant:"
    row = {"prompt": prompt, answers[0]: " Green.", answers[1]: " Black."}
    turns = conversation_of(row).turns
    assert texts(turns) == [("user", "Hi"), ("assistant", "Hello."), *TALK]
    if answers[1]:
        assert texts(turns[-1].alternatives[0]) == [("assistant", "Black.")]


NEW_SHAPES = (
    *("betterchatgpt", "bigagi", "chatbox", "chatgpt_exporter", "cherry_studio", "codex"),
    *("continue", "deepseek", "gemini_cli", "grok", "langsmith", "lechat", "lobechat"),
    *("microsoft_copilot", "nextchat", "openllmetry", "phoenix", "takeout_gemini"),
    *("typingmind", "vercel_ui", "vscode_copilot"),
)


@pytest.mark.parametrize("name", NEW_SHAPES)
def test_nothing_that_an_application_writes_is_lost(name: str) -> None:
    (path,) = (one for one in FOLDER.glob(f"{name}.*") if ".expected." not in one.name)
    found = [item for item in read_conversations(path) if isinstance(item, Found)]
    assert found
    for item in found:
        submissions_of(item.conversation, item.losses, Terms())


OBJECTS_OF_CHATS = {
    "lobechat": ("sessions", "topics", "messages", "extra"),
    "cherry_studio": ("messages", "message_blocks", "model"),
}


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in OBJECTS_OF_CHATS.items() for key in keys]
)
def test_keys_of_a_backup_that_nobody_knows_are_counted(
    tmp_path: Path, name: str, key: str
) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    text = re.sub(rf'("{key}": (?:\[\s*)?{{)', r'\1"neverSeen": "x",', text)
    (tmp_path / "backup.json").write_text(text)
    counted = [
        lost
        for item in read_conversations(tmp_path / "backup.json")
        if isinstance(item, Found)
        for lost in item.losses.count(set)[0]
    ]
    assert any(lost.endswith(("neverSeen", key)) for lost in counted), counted


def test_an_answer_of_a_tool_that_nobody_finds_is_no_empty_answer() -> None:
    parts = [{"type": "tool_result", "tool_use_id": "1", "told": {"elsewhere": "x"}}]
    row = {"messages": [{"role": "user", "content": parts}, ANSWERED]}
    with pytest.raises(LossyRowError, match="what a tool answered"):
        body_of(row, Defaults())
    assert body_of(row, Defaults(), is_lossy=True)["conversation"]


def test_steps_of_a_program_are_no_turns_and_are_counted(tmp_path: Path) -> None:
    steps = [
        {"type": "user_message", "name": "ada", "output": "Which tea?"},
        {"type": "run", "name": "on_message", "input": "{}", "output": "x"},
        {"type": "tool", "id": "1", "name": "shop", "input": '{"a": 1}', "output": "green"},
        {"type": "assistant_message", "name": "AI", "output": "Green.", "feedback": {"value": 0}},
    ]
    path = file_of(tmp_path / "thread.json", {"id": "t", "name": "Tea", "steps": steps})
    (found,) = read_conversations(path)
    assert isinstance(found, Found)
    turns = found.conversation.turns
    assert texts(turns) == [TALK[0], ("assistant", None), ("tool", "green"), TALK[1]]
    assert (turns[1].tool_calls[0].name, turns[3].rating) == ("shop", "negative")
    assert "steps[].step of the type run" in found.losses.count(set)[0]


def test_exchanges_that_name_their_conversation_are_one(tmp_path: Path) -> None:
    first = {"conversation_id": "c", "query": "Which tea?", "answer": "Green.", "lang": "en"}
    second = {"conversation_id": "c", "query": "Hot?", "answer": "Yes.", "lang": "de"}
    other = {"conversation_id": "d", "query": "Bye", "answer": "Bye.", "history": [["a", "b"]]}
    again = {**other, "query": "Hi"}
    path = file_of(tmp_path / "rows.json", first, second, other, again)
    conversations, rejected, _ = read_all(path)
    assert rejected == []
    assert [len(each.turns) for each in conversations] == [4, 4, 4]
    joined = next(each for each in conversations if texts(each.turns)[:2] == TALK)
    assert texts(joined.turns) == [*TALK, ("user", "Hot?"), ("assistant", "Yes.")]
    assert "lang" not in joined.labels


def test_a_team_of_several_agents_is_no_one_conversation() -> None:
    agent = {"type": "ChatAgentContainerState", "agent_state": {"llm_context": {"messages": []}}}
    with pytest.raises(RowError, match="2 agents in the team"):
        conversation_of({"type": "TeamState", "agent_states": {"a": agent, "b": agent}})


def test_moss_may_call_several_tools() -> None:
    said = {"Human": "<|Human|>: q<eoh>", "MOSS": "<|MOSS|>: a<eom>"}
    called = {"Commands": '<|Commands|>: Search("a (b)"), Calculate("1,2")<eoc>'}
    turns = conversation_of({"chat": {"turn_1": {**said, **called}}}).turns
    calls = [(call.name, call.arguments) for call in turns[1].tool_calls]
    assert calls == [("Search", '"a (b)"'), ("Calculate", '"1,2"')]
    with pytest.raises(RowError, match="calls no tool"):
        conversation_of({"chat": {"turn_1": {**said, "Commands": "look it up"}}})


def test_events_of_several_trajectories_are_refused(tmp_path: Path) -> None:
    event = {"id": 0, "source": "user", "action": "message", "args": {"content": "q"}}
    _, (rejected,), _ = read_all(file_of(tmp_path / "a.jsonl", event, event))
    assert "several trajectories" in rejected.message
