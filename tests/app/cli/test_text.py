from app.cli.text import in_one_line, printable


def test_what_a_terminal_may_obey_is_written_out() -> None:
    assert printable("a\x1b[31mb\r\x07") == "a\\x1b[31mb\\r\\x07"
    assert printable("\u202etxt\ud800\x9b") == "\\u202etxt\\ud800\\x9b"


def test_letters_of_every_language_and_newlines_stay() -> None:
    assert printable("Größe 大 🙂\nשאלה") == "Größe 大 🙂\nשאלה"


def test_a_text_in_one_line_cannot_look_like_another_line() -> None:
    assert in_one_line("spam\r\n2026-11-29\tada") == "spam\\r\\n2026-11-29\\tada"
