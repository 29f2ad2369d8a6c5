from pathlib import Path

import pytest

from settings import ConfigurationError, parse
from tests.settings.bad_configurations import BAD, GOOD

MESSAGES = Path(__file__).parent / "messages.txt"


def told(name: str) -> str:
    """What somebody with that bad configuration is told."""
    config = {key: value for key, value in {**GOOD, **BAD[name]}.items() if value is not None}
    with pytest.raises(ConfigurationError) as caught:
        parse(config, "dev")
    return str(caught.value)


def expected() -> dict[str, str]:
    sections = MESSAGES.read_text(encoding="utf-8").split("## ")[1:]
    return {name: body.strip("\n") for name, _, body in (section.partition("\n") for section in sections)}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_told_exactly_what_is_wrong_and_how_to_mend_it(name: str) -> None:
    assert told(name) == expected()[name]


def test_every_message_belongs_to_a_configuration() -> None:
    assert list(expected()) == list(BAD)
