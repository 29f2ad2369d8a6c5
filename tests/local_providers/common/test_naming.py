import re

import pytest

from local.providers.common.naming import Autonaming, auto_name


def test_the_same_seed_gives_the_same_name_and_another_seed_another():
    first = auto_name("queue", b"1", max_length=80)
    assert re.fullmatch(r"queue-[0-9a-f]{7}", first)
    assert auto_name("queue", b"1", max_length=80) == first
    assert auto_name("queue", b"2", max_length=80) != first


def test_suffix_and_lower_case_are_honoured():
    assert re.fullmatch(r"queue-[0-9a-f]{7}\.fifo", auto_name("Queue", b"1", max_length=80, suffix=".fifo", lower=True))


def test_a_name_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="longer than the 10 characters"):
        auto_name("queue", b"1", max_length=10)


def test_the_stacks_autonaming_setting_wins():
    assert auto_name("q", b"1", max_length=80, policy=Autonaming("propose", "mine")) == "mine"
    with pytest.raises(ValueError, match="must be given"):
        auto_name("q", b"1", max_length=80, policy=Autonaming("disable"))
