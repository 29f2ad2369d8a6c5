from pathlib import Path

import pytest

from settings import ConfigurationError, parse
from tests.settings.bad_configurations import BAD, FILES, GOOD

HERE = Path(__file__).parent


def told(name: str) -> str:
    """What somebody with that bad configuration is told."""
    config = {key: value for key, value in {**GOOD, **BAD[name]}.items() if value is not None}
    with pytest.raises(ConfigurationError) as caught:
        parse(config, "dev")
    return str(caught.value)


def expected(file: str) -> dict[str, str]:
    sections = (HERE / file).read_text(encoding="utf-8").split("## ")[1:]
    return {name: body.strip("\n") for name, _, body in (section.partition("\n") for section in sections)}


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, configs in FILES.items() for name in configs])
def test_a_bad_configuration_is_told_exactly_what_is_wrong_and_how_to_mend_it(file: str, name: str) -> None:
    assert told(name) == expected(file)[name]


@pytest.mark.parametrize("file", FILES)
def test_every_message_belongs_to_a_configuration(file: str) -> None:
    assert list(expected(file)) == list(FILES[file])
