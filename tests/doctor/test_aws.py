import ast
import json
from pathlib import Path

from doctor.aws import action_of

ROOT = Path(__file__).parents[2]
# By operations whose names are put together, and by the registry's own list of tags.
FURTHER = {
    "iam:ListUserPolicies",
    "iam:ListRolePolicies",
    "iam:GetUserPolicy",
    "iam:GetRolePolicy",
    "eks:ListNodegroups",
    "eks:ListFargateProfiles",
    "ecr:ListImages",
}
# Of `python -m doctor.renew`, which changes something.
RENEWING = {"lambda:Invoke"}
# The API's own spelling, where boto3's does not tell it.
SPELLED = {"iam:GetOpenIdConnectProvider": "iam:GetOpenIDConnectProvider"}


def asked() -> set[str]:
    found: set[str] = set()
    for file in (ROOT / "doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ask":
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if len(texts) == 2:
                    action = action_of(*texts)
                    found.add(SPELLED.get(action, action))
    return found - RENEWING


def test_the_policy_in_docs_allows_what_is_asked_and_nothing_else() -> None:
    document = json.loads((ROOT / "docs" / "iam" / "doctor.json").read_text(encoding="utf-8"))
    allowed: set[str] = set()
    for statement in document["Statement"]:
        actions = statement["Action"]
        allowed |= set(actions if isinstance(actions, list) else [actions])
    assert asked() | FURTHER == allowed


def test_a_call_needs_the_action_of_its_name() -> None:
    assert action_of("lambda", "get_function_configuration") == "lambda:GetFunctionConfiguration"
