import pytest

from checks import tables

README = tables.TABLES["README.md"]
EMPTY = "".join(f"<!-- table: {name} -->\n<!-- end: {name} -->\n" for name in README)


def test_tables_are_made_between_their_markers_and_the_rest_is_kept() -> None:
    made = tables.renewed(f"before\n{EMPTY}after\n", README)
    assert made.startswith("before\n<!-- table: modes -->\n| `everpull:mode` |")
    assert made.endswith("<!-- end: essentials -->\nafter\n")


def test_a_table_that_is_up_to_date_stays_as_it_is() -> None:
    made = tables.renewed(EMPTY, README)
    assert tables.renewed(made, README) == made


def test_a_table_that_is_not_is_made_anew() -> None:
    made = tables.renewed(EMPTY, README)
    assert tables.renewed(made.replace("default", "usual"), README) == made


def test_every_key_has_its_modes_type_default_and_meaning() -> None:
    lines = tables.configuration().splitlines()
    for row in (
        "| `everpull:schedule` | `lambda`, `cronjob` | string |  |",
        "| `everpull:trigger` | `lambda` | string | `schedule` |",
        "| `everpull:scope` | `lambda` | string | `all` |",
        "| `everpull:awsStack` | `lambda` with `cluster` | string |  |",
        "| `everpull:syncInterval` | `lambda` | string | `15m` |",
        "| `everpull:accessKeyGeneration` | `lambda`, `cronjob`, `generator` with `access-key` | integer | `1` |",
    ):
        assert row in "\n".join(lines)
    assert all(line.count("|") == 6 for line in lines)


def test_the_keys_that_most_stacks_set_are_told_as_the_whole_table_tells_them() -> None:
    """So none of them may lose its meaning in one place only."""
    cells = [line.strip("| ").split(" | ") for line in tables.essentials().splitlines()[2:]]
    assert [row[0] for row in cells] == [f"`{key}`" for key in tables.ESSENTIALS]
    everything = tables.configuration()
    assert all(row[-1] in everything for row in cells)


def test_every_identity_has_the_modes_that_it_works_in() -> None:
    rows = [line.split(" | ") for line in tables.identities().splitlines()[2:]]
    assert [(row[0], row[-1]) for row in rows] == [
        ("| `access-key`", "`lambda`, `cronjob`, `generator` |"),
        ("| `irsa`", "`lambda`, `cronjob`, `generator` |"),
        ("| `pod-identity`", "`cronjob` |"),
    ]


def test_every_scope_has_the_keys_that_it_refuses() -> None:
    rows = {row.split("`")[1]: row for row in tables.scopes().splitlines()[2:]}
    assert list(rows) == ["all", "aws", "cluster"]
    assert rows["all"].endswith("| `awsStack` |")
    assert "`namespaces`" in rows["aws"]
    assert "`registries`" in rows["cluster"]
    assert "`registries`" not in rows["aws"]


def test_a_bar_in_a_cell_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = tables.schema.Mode(choose_when="this | that", identities=("access-key",), keys=())
    monkeypatch.setattr(tables.schema, "MODES", {"lambda": mode})
    assert "this \\| that" in tables.modes()


@pytest.mark.parametrize("text", ["", EMPTY + EMPTY])
def test_markers_must_be_there_once(text: str) -> None:
    with pytest.raises(tables.MarkersMissing, match="expected one pair of <!-- table: modes -->"):
        tables.renewed(text, README)
