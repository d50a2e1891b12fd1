import pytest

from app.api.admission import Admission, TooBusy


def test_what_is_held_is_never_more_than_the_maximum() -> None:
    admission = Admission("max_things", 10)
    refused = pytest.raises(TooBusy, match="max_things = 10 is reached")
    with admission.holding(6), admission.holding(4), refused:
        admission.take(1)
    with admission.holding(10):
        pass


def test_what_alone_exceeds_the_maximum_gets_in_when_nothing_is_held() -> None:
    admission = Admission("max_things", 10)
    with admission.holding(11), pytest.raises(TooBusy):
        admission.take(1)
    with admission.holding(1), pytest.raises(TooBusy):
        admission.take(11)


def test_what_is_held_is_given_back_when_the_block_fails() -> None:
    admission = Admission("max_things", 1)
    with pytest.raises(KeyError), admission.holding():
        raise KeyError
    with admission.holding():
        pass
