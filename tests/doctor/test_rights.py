from typing import Any

import pytest

from doctor.rights import lacking

READ = ("s3:GetObject", "arn:aws:s3:::bucket/key")


def allow(**more: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*", **more}


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        ([allow()], []),
        ([allow(Action=["s3:get*", "s3:PutObject"])], []),
        ([allow(Resource="arn:aws:s3:::other/*")], ["s3:GetObject"]),
        ([allow(Action="s3:PutObject")], ["s3:GetObject"]),
        ([allow(), allow(Effect="Deny", Action="*", Resource="*")], ["s3:GetObject"]),
        ([allow(), allow(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})], []),
        ([], ["s3:GetObject"]),
    ],
)
def test_a_right_that_is_not_granted_is_told(statements: list[dict[str, Any]], missing: list[str]) -> None:
    assert lacking([{"Statement": statements}], [READ]) == missing


def test_a_single_statement_need_be_in_no_list() -> None:
    assert lacking([{"Statement": allow()}], [READ]) == []
