from app.cli.text import printable


def test_what_a_terminal_may_obey_is_written_out() -> None:
    assert printable("a\x1b[31mb\r\x07") == "a\\x1b[31mb\\r\\x07"
    assert printable("\u202etxt\ud800\x9b") == "\\u202etxt\\ud800\\x9b"


def test_letters_of_every_language_and_newlines_stay() -> None:
    assert printable("Größe 大 🙂\nשאלה") == "Größe 大 🙂\nשאלה"
