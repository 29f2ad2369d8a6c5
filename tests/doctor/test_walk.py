"""The whole chain, of mode `lambda` where nothing else is said."""

import json
from datetime import timedelta

from components.aws_reads import Denied
from doctor.report import as_json, first_fault
from lambda_src.refresher.images import LoginVerdict
from tests.doctor import worlds
from tests.doctor.breaking import HOUR, answers, stored
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import HOST, HUB, SYSTEM, lambda_world


def test_every_link_of_a_sound_stack_holds() -> None:
    assert {link.state for link in lambda_world().walk()} == {"ok"}


def test_links_behind_a_broken_one_are_looked_at() -> None:
    world = lambda_world()
    answers(iam__list_access_keys=Gone, iam__list_user_policies=Gone)(world)
    world.secret("team-b")["data"] = {}
    answers(sqs__get_queue_attributes={"Attributes": {"ApproximateNumberOfMessages": "1"}})(world)
    states = {link.name: link.state for link in world.walk()}
    assert (states["identity"], states["function"], states["fan-out"]) == ("broken", "warning", "broken")
    assert states["registries"] == "ok"


def test_a_disabled_rule_is_no_longer_about_to_break_but_is_broken_once_the_login_is_dead() -> None:
    world = lambda_world()
    world.answers["events describe_rule"]["State"] = "DISABLED"
    stored(fetched=NOW - 13 * HOUR)(world)
    first = first_fault(world.walk())
    assert first is not None
    assert (first.name, first.state) == ("secret", "broken")


def test_a_login_on_its_way_is_no_fault() -> None:
    """Fetched a moment ago; hub and namespaces have not read it yet."""
    world = lambda_world()
    world.answers["secretsmanager get_secret_value"] = worlds.stored(worlds.login(fetched=NOW - timedelta(minutes=4)))
    assert {link.state for link in world.walk()} == {"ok"}


def test_little_left_just_before_the_run_that_renews_is_no_fault() -> None:
    """With a run every four hours, one that was just too early leaves two hours when the next one comes."""
    world = lambda_world(schedule="rate(4 hours)")
    world.answers["logs filter_log_events"] = {"events": [worlds.log_line(4 * HOUR - timedelta(minutes=1))]}
    stored(fetched=NOW - timedelta(hours=9, minutes=59))(world)
    assert world.link("secret").state == "ok"
    stored(fetched=NOW - timedelta(hours=10, minutes=1))(world)
    assert world.link("secret").state == "breaking"


def test_namespaces_with_the_same_fault_are_told_of_in_one_sentence() -> None:
    world = lambda_world()
    for name in ("team-a", "team-b"):
        world.secret(name)["data"] = {}
    (fault,) = world.link("fan-out").faults
    assert fault.sentence.startswith("the namespaces team-a, team-b: ")


def test_a_deployer_who_may_not_read_the_login_sees_its_age() -> None:
    world = lambda_world()
    world.answers["secretsmanager get_secret_value"] = Denied("secretsmanager:GetSecretValue")
    described = world.answers["secretsmanager describe_secret"]
    described["LastChangedDate"] = NOW - 2 * HOUR
    assert world.link("secret").state == "ok"
    described["LastChangedDate"] = NOW - 13 * HOUR
    assert world.link("secret").state == "broken"


def test_a_login_of_another_region_or_account_is_only_tried_where_the_caller_may_look() -> None:
    other = HOST.replace("123456789012", "210987654321")
    world = lambda_world(registries=[HOST, other])
    one = worlds.login()
    world.outputs["registries"] = [HOST, other]
    for place in ((SYSTEM, HUB), ("team-a", "everpull-dev"), ("team-b", "everpull-dev")):
        secret = worlds.docker_secret(one, worlds.login(host=other))
        world.documents[f"/api/v1/namespaces/{place[0]}/secrets/{place[1]}"] = secret
    world.answers["ecr describe_repositories 210987654321"] = Denied("ecr:DescribeRepositories")
    link = world.link("registries")
    assert link.state == "ok"
    assert f"repositories of {other} not looked for" in link.detail
    assert world.registries.tried == [f"{HOST}/team-a/app:1"]


def test_images_are_not_tried_where_the_login_is_refused() -> None:
    world = lambda_world()
    world.registries.logins[HOST] = LoginVerdict(HOST, "refused", "no")
    assert world.link("registries").detail == "no"
    assert world.registries.tried == []


def test_of_many_repositories_some_are_tried() -> None:
    world = lambda_world()
    names = [{"repositoryName": f"team-a/{number}"} for number in range(25)]
    world.answers["ecr describe_repositories"] = {"repositories": names}
    assert "5 more repositories not tried" in world.link("registries").detail
    assert len(world.registries.tried) == 20


def test_json_carries_a_list_of_links_in_the_order_of_the_chain() -> None:
    world = lambda_world()
    world.answers["events describe_rule"]["State"] = "DISABLED"
    links = json.loads(as_json(world.walk()))
    assert [set(link) for link in links] == [{"name", "state", "detail", "fix"}] * len(links)
    assert [link["name"] for link in links][:4] == ["identity", "secret", "function", "rotation"]
    assert links[0]["fix"] == ""
    assert "enable-rule" in links[2]["fix"]
