"""Small programs with the real engine: other providers, imports, refusals, late rights, ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local_aws.platform import REGION, ROOT, Stand, allow, wait_until
from tests.local_providers.aws.engine import Stack, plugin

HEAD = "import json\nimport pulumi\nimport pulumi_aws as aws\n"


@pytest.fixture
def program(new_stack: Callable[..., Stack], tmp_path: Path) -> Callable[..., Stack]:
    """A stack of the program with this text."""

    def make(text: str, **environment: str) -> Stack:
        folder = tmp_path / "source"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (folder / "__main__.py").write_text(HEAD + text)
        return new_stack(folder, **environment)

    return make


def test_an_explicit_provider_has_its_own_address_region_and_tags(program: Callable[..., Stack], stand: Stand):
    key = stand.user("west", allow("*"))
    stack = program(
        f"""
west = aws.Provider(
    "west",
    region="eu-west-1",
    access_key="{key[0]}",
    secret_key=pulumi.Output.secret("{key[1]}"),
    endpoints=[{{service: "{stand.endpoint}" for service in ("sts", "sqs")}}],
    default_tags={{"tags": {{"team": "west"}}}},
)
queue = aws.sqs.Queue("q", tags={{"own": "1"}}, opts=pulumi.ResourceOptions(provider=west))
on = pulumi.InvokeOptions(provider=west)
pulumi.export("arn", queue.arn)
pulumi.export("tags", queue.tags)
pulumi.export("all", queue.tags_all)
pulumi.export("defaults", aws.get_default_tags_output(opts=on).tags)
pulumi.export("region", aws.get_region_output(opts=on).region)
""",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    stack.up()
    assert stack.outputs() == {
        "arn": stack.outputs()["arn"],
        "tags": {"own": "1"},
        "all": {"own": "1", "team": "west"},
        "defaults": {"team": "west"},
        "region": "eu-west-1",
    }
    assert stack.outputs()["arn"].startswith("arn:aws:sqs:eu-west-1:")
    assert key[1] not in stack.export()
    assert stack.up().changes == {}
    stack.destroy()


def test_one_resource_may_live_in_another_region_and_moves_by_replacement(program: Callable[..., Stack]):
    stack = program(
        """
import os
region = json.loads(os.environ["VARIANT"]).get("region")
queue = aws.sqs.Queue("q", region=region)
pulumi.export("arn", queue.arn)
"""
    )
    stack.up()
    assert f":{REGION}:" in stack.outputs()["arn"]
    assert stack.up({"region": "eu-west-1"}).changes == {("Queue", "q"): "replace"}
    assert ":eu-west-1:" in stack.outputs()["arn"]
    stack.destroy()


def test_resources_are_imported_and_looked_up_by_id(program: Callable[..., Stack], stand: Stand):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stand.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument=trust, Description="by hand")
    stand.client("logs").create_log_group(logGroupName="kept", tags={"a": "1"})
    stack = program(
        f"""
trust = '{trust}'
role = aws.iam.Role("role", name="kept", assume_role_policy=trust, description="by hand",
                    opts=pulumi.ResourceOptions(import_="kept"))
group = aws.cloudwatch.LogGroup.get("group", "kept")
pulumi.export("arn", role.arn)
pulumi.export("tags", group.tags)
"""
    )
    outcome = stack.up()
    assert outcome.steps["Role", "role"] == "import"
    assert stack.outputs() == {"arn": "arn:aws:iam::000000000000:role/kept", "tags": {"a": "1"}}
    assert stack.up().changes == {}
    stack.destroy()
    assert "kept" not in [role["RoleName"] for role in stand.client("iam").list_roles()["Roles"]]


def test_an_unsupported_property_fails_the_preview_by_name(program: Callable[..., Stack]):
    stack = program(
        'aws.ecr.Repository("r", image_tag_mutability_exclusion_filters=[{"filter": "a", "filter_type": "WILDCARD"}])'
    )
    outcome = stack.preview(fails=True)
    assert "'imageTagMutabilityExclusionFilters' of aws:ecr/repository:Repository is not supported" in outcome.text


def test_an_unsupported_type_fails_the_preview_by_name(program: Callable[..., Stack]):
    outcome = program('aws.kinesis.Stream("t")').preview(fails=True)
    assert "aws:kinesis/stream:Stream is not supported by the local stand-in" in outcome.text


def test_a_bad_secret_value_fails_the_preview_unseen(program: Callable[..., Stack]):
    text = 'aws.sqs.Queue("q", policy=pulumi.Output.secret("{canary"), tags={"k": pulumi.Output.secret("canary")})'
    outcome = program(text).preview(fails=True)
    assert "policy is not valid JSON" in outcome.text
    assert "canary" not in outcome.text


def test_a_refusal_by_iam_is_told_with_operation_and_reason(program: Callable[..., Stack], stand: Stand):
    key = stand.user("poor", allow("iam:*"))
    stack = program(
        'user = aws.iam.User("u")\n'
        'aws.secretsmanager.Secret("s", name="mine", opts=pulumi.ResourceOptions(depends_on=[user]))',
        AWS_ACCESS_KEY_ID=key[0],
        AWS_SECRET_ACCESS_KEY=key[1],
    )
    outcome = stack.up(fails=True)
    assert (
        "creating Secrets Manager Secret (mine): operation error Secrets Manager: CreateSecret: Access" in outcome.text
    )
    assert ("User", "u") in stack.state()
    stack.destroy()


def test_wrong_credentials_are_told_before_anything_is_made(program: Callable[..., Stack]):
    outcome = program('aws.iam.User("u")', AWS_ACCESS_KEY_ID="AKIAWRONGWRONGWRONGX").up(fails=True)
    assert "unable to validate AWS credentials" in outcome.text


def test_a_function_is_made_although_its_role_arrives_late(program: Callable[..., Stack], stand: Stand):
    text = """
trust = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
role = aws.iam.Role("late", assume_role_policy=json.dumps(trust))
code = pulumi.AssetArchive({"main.py": pulumi.StringAsset("def handler(e, c): return 1")})
function = aws.lambda_.Function("late", role=role.arn, runtime="python3.11", handler="main.handler", code=code)
pulumi.export("role", role.name)
"""
    stand.admin("POST", "config", {"iam_delay_seconds": 3.0})
    try:
        stack = program(text)
        stack.up()
        assert ("Function", "late") in stack.state()
        stack.destroy()
    finally:
        stand.admin("POST", "config", {"iam_delay_seconds": 0.0})


def test_the_plugin_ends_when_the_engine_is_killed(tmp_path: Path):
    program = plugin(tmp_path / "bin") / "pulumi-resource-aws"
    engine = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", engine, str(program)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert int(parent.stdout.readline()) > 0  # the port: it serves
    parent.stdout.close()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)

    def ended() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        # Nobody may be left to collect it here.
        return Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"

    wait_until("the plugin has ended", ended)


def test_nothing_but_the_stand_in_imports_it():
    """The program must run unchanged with the real plugin."""
    product = [*ROOT.glob("*.py"), *(ROOT / "components").rglob("*.py"), *(ROOT / "lambda_src").rglob("*.py")]
    assert product
    assert [file.name for file in product if "local.providers" in file.read_text()] == []
