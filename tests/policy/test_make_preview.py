"""`make preview`: what a pull request would be told, by the real engine."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy.rules import RULES
from tests.local_aws.platform import Stand
from tests.policy.checkout import Checkout, furnished

WILDCARD = """
import json

import pulumi_aws as aws

everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::mine/*"}
aws.iam.UserPolicy("rights", user="user", policy=json.dumps({"Version": "2012-10-17", "Statement": [everything]}))
"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with furnished(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def checkout(stand: Stand, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, stand)


def make(checkout: Checkout, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The environment is the tests' own, however new its requirements are.
    command = ["make", "--silent", "-o", ".venv/everpull-runs", "preview", *arguments]
    return subprocess.run(
        command, cwd=checkout.folder, env=checkout.environment, capture_output=True, text=True, check=False
    )


def test_the_comment_has_the_diff_the_policies_and_the_cost(checkout: Checkout) -> None:
    checkout.configure({"mode": "lambda"})
    done = make(checkout, "STACK=dev")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!-- everpull preview dev -->\n### Preview of `dev`: success\n")
    diff, _, rest = done.stdout.partition("</details>")
    assert "+ aws:secretsmanager/secret:Secret: (create)" in diff
    assert re.search(rf"#### Policies\n\n{len(RULES)} rules, \d\d resources: no violation\.\n", rest)
    assert "so not looked at: " in rest
    assert "| Secrets Manager: secrets | 1 | $0.40 |" in rest
    assert re.search(r"About \$0\.\d\d a month in mode `lambda`", rest)


def test_a_broken_rule_fails_it_and_is_in_the_comment(checkout: Checkout) -> None:
    checkout.program(WILDCARD)
    checkout.configure({"mode": "node-role", "nodeRoles": ["nodes"]})
    done = make(checkout, "STACK=dev")
    assert done.returncode != 0
    assert "### Preview of `dev`: failure\n" in done.stdout
    assert "| wildcard-action | `aws:iam/userPolicy:UserPolicy rights` |" in done.stdout
    assert "1 violation of wildcard-action." in done.stdout
    assert "About $0.00 a month in mode `node-role`" in done.stdout


def test_a_refused_configuration_is_what_the_comment_tells(checkout: Checkout) -> None:
    checkout.configure({"mode": "sidecar"})
    done = make(checkout, "STACK=dev")
    assert done.returncode != 0
    assert "everpull:mode = sidecar" in done.stdout
    assert "Not looked at; the job's log says why." in done.stdout


def test_it_wants_to_know_which_stack(checkout: Checkout) -> None:
    done = make(checkout)
    assert done.returncode != 0
    assert "make preview STACK=NAME" in done.stderr
