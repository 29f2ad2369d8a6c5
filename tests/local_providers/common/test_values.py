from local.providers.common.values import (
    UNKNOWN,
    Archive,
    Asset,
    Secret,
    conceal,
    decode_map,
    encode_map,
    has_unknown,
    reveal,
    secret_paths,
)

EVERYTHING = {
    "none": None,
    "flag": True,
    "whole": 3,
    "part": 0.5,
    "text": "x",
    "list": [1, Secret("s"), {"deep": UNKNOWN}],
    "file": Asset(path="a.txt", hash="1f"),
    "tree": Archive(assets={"m.py": Asset(text="pass", hash="2f"), "sub": Archive(path="dir", hash="3f")}, hash="4f"),
    "hidden": Secret({"a": [1]}),
    "unknown": UNKNOWN,
}


def test_every_kind_of_value_survives_the_wire():
    assert decode_map(encode_map(EVERYTHING)) == EVERYTHING


def test_whole_numbers_arrive_as_int_and_bools_stay_bools():
    back = decode_map(encode_map({"n": 7, "b": False}))
    assert type(back["n"]) is int
    assert back["b"] is False


def test_a_secret_shows_nothing_in_its_repr():
    assert "canary" not in repr(Secret("canary"))
    assert "canary" not in repr({"a": [Secret({"b": "canary"})]})


def test_secrets_can_be_taken_off_and_put_back_at_the_same_places():
    paths = list(secret_paths(EVERYTHING))
    assert paths == [("list", 1), ("hidden",)]
    plain = reveal(EVERYTHING)
    assert plain["list"][1] == "s"
    assert conceal(plain, paths) == EVERYTHING


def test_concealing_a_place_that_is_gone_changes_nothing():
    assert conceal({"a": [1]}, [("b",), ("a", 5), ("a", 0, "x")]) == {"a": [1]}


def test_unknowns_are_found_at_any_depth():
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not has_unknown({"a": [Secret({"b": 1})]})
