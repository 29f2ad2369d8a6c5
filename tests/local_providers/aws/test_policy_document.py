"""`iam.getPolicyDocument` builds the document that the real one builds."""

import json

import pytest

from local.providers.aws.policy_document import policy_document
from local.providers.common.provider import ProviderError


def _document(**args):
    return json.loads(policy_document(args)["json"])


def test_a_statement_is_written_with_single_values_unwrapped():
    document = _document(
        statements=[
            {
                "sid": "Read",
                "actions": ["s3:GetObject"],
                "resources": ["arn:b", "arn:a"],
                "principals": [{"type": "Service", "identifiers": ["lambda.amazonaws.com"]}],
                "conditions": [
                    {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]},
                    {"test": "StringEquals", "variable": "aws:SourceArn", "values": ["a", "b"]},
                ],
            }
        ]
    )
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": ["arn:a", "arn:b"],
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "1", "aws:SourceArn": ["a", "b"]}},
            }
        ],
    }


def test_everyone_is_a_star():
    statement = {"actions": ["a:B"], "principals": [{"type": "*", "identifiers": ["*"]}], "effect": "Deny"}
    assert _document(statements=[statement])["Statement"][0] == {"Effect": "Deny", "Action": "a:B", "Principal": "*"}


def test_documents_are_merged_and_overridden_by_sid():
    source = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Allow"}]})
    override = json.dumps({"Statement": {"Sid": "B", "Effect": "Deny"}})
    document = _document(sourcePolicyDocuments=[source], overridePolicyDocuments=[override], policyId="P")
    assert document["Statement"] == [{"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Deny"}]
    assert document["Id"] == "P"


def test_the_minified_text_says_the_same():
    answer = policy_document({"statements": [{"actions": ["a:B"], "resources": ["*"]}]})
    assert json.loads(answer["minifiedJson"]) == json.loads(answer["json"])
    assert "\n" not in answer["minifiedJson"]
    assert answer["id"] == policy_document({"statements": [{"actions": ["a:B"], "resources": ["*"]}]})["id"]


def test_a_field_it_does_not_know_is_refused():
    with pytest.raises(ProviderError, match=r"statements\.colour of getPolicyDocument is not supported"):
        policy_document({"statements": [{"colour": "red"}]})
