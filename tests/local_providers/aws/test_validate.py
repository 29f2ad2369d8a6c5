"""Requests are held to the service's own model, without quoting what they hold."""

import pytest

from local.providers.aws.validate import compile_pattern, operation_input, problems

FUNCTION = {
    "FunctionName": "f",
    "Role": "arn:aws:iam::000000000000:role/r",
    "Code": {"ZipFile": b"x"},
    "Runtime": "python3.12",
    "Handler": "m.h",
}

CASES = [
    ("lambda", "create_function", FUNCTION, []),
    ("lambda", "create_function", {"FunctionName": "f", "Code": {}}, ["Role: is required"]),
    ("lambda", "create_function", {**FUNCTION, "Timeout": "3"}, ["Timeout: must be of type int"]),
    ("lambda", "create_function", {**FUNCTION, "Timeout": 0}, ["Timeout: value 0 is below the minimum of 1"]),
    ("lambda", "create_function", {**FUNCTION, "Colour": 1}, ["Colour: is not a member of the request"]),
    ("lambda", "create_function", {**FUNCTION, "Runtime": "python9"}, ["Runtime: is not one of"]),
    (
        "lambda",
        "create_function",
        {**FUNCTION, "DeadLetterConfig": {"TargetArn": "x"}},
        ["DeadLetterConfig.TargetArn: doesn't match the pattern"],
    ),
    (
        "lambda",
        "create_function",
        {**FUNCTION, "LoggingConfig": {"LogFormat": "XML", "Level": "x"}},
        ["LoggingConfig.LogFormat: is not one of", "LoggingConfig.Level: is not a member of the request"],
    ),
    ("secretsmanager", "create_secret", {"Name": ""}, ["Name: length 0 is below the minimum of 1"]),
    ("secretsmanager", "create_secret", {"Name": "n", "Tags": [{"Key": ""}]}, ["Tags[0].Key: length 0"]),
    ("iam", "create_user", {"UserName": "a b"}, ["UserName: doesn't match the pattern"]),
]


@pytest.mark.parametrize(("service", "operation", "request_", "expected"), CASES)
def test_each_breach_of_the_model_is_named(service, operation, request_, expected):
    found = problems(operation_input(service, operation), request_)
    assert len(found) == len(expected), found
    for fault, text in zip(found, expected, strict=True):
        assert fault.startswith(text)


def test_a_value_is_never_quoted():
    bad = {"Name": "canary name!", "Description": "canary" * 1000, "SecretString": 5}
    found = problems(operation_input("secretsmanager", "create_secret"), bad)
    assert len(found) == 2
    assert "canary" not in str(found)


def test_an_operation_without_input_takes_nothing():
    assert problems(None, {"X": 1}) == ["X: is not a member of the request"]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Grüße an 3 @home", "tab\t"),
        (r"\p{L}+", "żółć", "a1"),
        (r"\P{L}+", "123", "a"),
        (r"[\w-_]*", "a-b_c", "a b"),
        (r"[[a]+", "[a", "b"),
    ],
)
def test_javas_patterns_are_understood(pattern, yes, no):
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(yes)
    assert not compiled.fullmatch(no)
