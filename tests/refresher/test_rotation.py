"""The four steps of a rotation, each by itself: what they do, what they refuse, and that each may come again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from refresher.core import instant, timestamp
from refresher.errors import AwsCallError, ImagesRefusedError, LoginRefusedError, NotRenewedError, RotationError
from refresher.images import parse_image
from refresher.rotation import CURRENT, PENDING, STEPS

from tests.refresher.conftest import SECRET_ID
from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA, groups
from tests.refresher.versions import PREVIOUS, World

TOKEN, NEXT = "token-1", "token-2"
HOUR = timedelta(hours=1)
DOWN = AwsCallError("ECR is down")


@pytest.fixture
def world() -> World:
    """A secret that an ordinary run has seeded, and whose rotation has begun an hour later."""
    made = World(groups(FRANKFURT, VIRGINIA))
    made.run()
    made.passes(HOUR)
    made.secret.begin(TOKEN)
    return made


def document(world: World, version: str | None = None) -> dict[str, Any]:
    text = world.secret.current if version is None else world.secret.values[version]
    return json.loads(str(text))


def fetched(world: World, version: str | None = None) -> dict[str, str]:
    """When each registry's login was fetched."""
    entries = document(world, version)["logins"]
    return {host: entry["refreshedAt"] for entry in entries for host in entry["registries"]}


def until(world: World, last: str) -> None:
    """Takes the steps up to that one."""
    for step in STEPS:
        world.take(step, TOKEN)
        if step == last:
            return


def test_a_rotation_makes_a_new_version_current_and_leaves_none_pending(world: World) -> None:
    before = world.secret.version(CURRENT)
    assert world.rotate(TOKEN) == ["created", "nothing to set", "tested", "finished"]
    assert world.secret.version(CURRENT) == TOKEN
    assert world.secret.version(PREVIOUS) == before
    assert world.secret.version(PENDING) is None
    assert fetched(world) == dict.fromkeys([FRANKFURT, VIRGINIA], timestamp(NOW + HOUR))


def test_a_fresh_login_is_fetched_anew_all_the_same(world: World) -> None:
    assert world.run(force=False).outcomes[0].status == "fresh"
    world.source.asked.clear()
    assert world.take("createSecret", TOKEN).status == "created"
    assert world.source.asked == ["eu-central-1", "us-east-1"]


def test_what_is_being_made_is_pending_and_changes_nothing_yet(world: World) -> None:
    before = world.secret.current
    taken = world.take("createSecret", TOKEN)
    assert taken.expires_at == NOW + HOUR + LIFE
    assert world.secret.current == before
    assert world.secret.version(PENDING) == TOKEN


def test_keys_of_others_come_along(world: World) -> None:
    version = str(world.secret.version(CURRENT))
    world.secret.values[version] = json.dumps({**document(world), "theirs": [1, {"deep": None}]})
    world.rotate(TOKEN)
    assert document(world)["theirs"] == [1, {"deep": None}]


def test_content_that_can_not_be_merged_into_makes_way_and_is_told(world: World) -> None:
    version = str(world.secret.version(CURRENT))
    world.secret.values[version] = "{broken"
    assert f"not JSON; it can still be read as version {version}" in str(world.take("createSecret", TOKEN).replaced)
    until(world, "finishSecret")
    assert world.secret.version(PREVIOUS) == version
    assert document(world)["registry"] == FRANKFURT


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_repeated_makes_nothing_else(world: World, step: str) -> None:
    until(world, step)
    values, labels = dict(world.secret.values), {name: set(found) for name, found in world.secret.labels.items()}
    world.source.asked.clear()
    for _ in range(3):
        world.take(step, TOKEN)
    assert world.source.asked == []
    assert (world.secret.values, world.secret.labels) == (values, labels)


def test_a_second_call_that_comes_too_late_to_write_takes_what_the_first_has_written(world: World) -> None:
    put = world.secret.put_secret_value

    def late(**request: Any) -> object:
        world.secret.values[TOKEN] = str(world.secret.current)
        return put(**request)

    world.secret.put_secret_value = late  # pyright: ignore[reportAttributeAccessIssue]
    assert world.take("createSecret", TOKEN).status == "kept"


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_a_version_that_has_not_been_made_can_be_neither_tried_nor_current(world: World, step: str) -> None:
    before = world.secret.current
    with pytest.raises(RotationError, match=f"version {TOKEN} has no value; createSecret has not made it"):
        world.take(step, TOKEN)
    assert world.secret.current == before


@pytest.mark.parametrize("step", STEPS)
def test_a_token_that_is_not_pending_is_refused_before_anything_is_done(world: World, step: str) -> None:
    with pytest.raises(RotationError, match="version stale is not pending; the rotation that made it is over"):
        world.take(step, "stale")
    assert world.secret.calls[-1] == "DescribeSecret"


@pytest.mark.parametrize("step", STEPS)
def test_the_token_of_a_rotation_before_is_refused(world: World, step: str) -> None:
    world.rotate(TOKEN)
    world.rotate(NEXT)
    with pytest.raises(RotationError, match="is not pending"):
        world.take(step, TOKEN)
    assert world.secret.version(CURRENT) == NEXT


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_current_already_needs_no_step(world: World, step: str) -> None:
    world.rotate(TOKEN)
    world.secret.calls.clear()
    assert world.take(step, TOKEN).status == "current already"
    assert world.secret.calls == ["DescribeSecret"]


@pytest.mark.parametrize("step", STEPS)
def test_another_secret_is_refused(world: World, step: str) -> None:
    with pytest.raises(RotationError, match=f"the function does not keep {SECRET_ID}-other, but {SECRET_ID}"):
        world.take(step, TOKEN, f"{SECRET_ID}-other")
    assert world.secret.calls[-1] == "DescribeSecret"


@pytest.mark.parametrize("step", STEPS)
def test_a_secret_that_is_not_rotated_is_refused(world: World, step: str) -> None:
    world.secret.is_rotated = False
    with pytest.raises(RotationError, match="rotation is not switched on for the secret"):
        world.take(step, TOKEN)


def test_a_secret_that_holds_nothing_yet_is_rotated() -> None:
    world = World(groups(FRANKFURT))
    # AWS makes the first value of a secret current at once (API reference, PutSecretValue).
    assert world.rotate(TOKEN) == ["created", "current already", "current already", "current already"]
    assert world.secret.labels == {TOKEN: {CURRENT}}


def test_a_secret_without_a_current_version_is_rotated() -> None:
    world = World(groups(FRANKFURT))
    world.secret.values["old"], world.secret.labels["old"] = "{}", {"theirs"}
    assert world.rotate(TOKEN)[-1] == "finished"
    assert world.secret.version(CURRENT) == TOKEN


def test_a_login_that_its_registry_refuses_is_not_taken_and_the_others_are_renewed(world: World) -> None:
    world.trial.refused = {f"{CANARY}-eu-central-1-3"}
    taken = world.take("createSecret", TOKEN)
    assert str(taken.lacking) == (
        "the login that ECR in eu-central-1 gave is refused by its registry; the last login for"
        f" {FRANKFURT} lives until {timestamp(NOW + LIFE)}"
    )
    until(world, "finishSecret")
    assert fetched(world) == {FRANKFURT: timestamp(NOW), VIRGINIA: timestamp(NOW + HOUR)}


def test_one_registry_that_takes_a_login_is_enough_since_it_is_one_for_all() -> None:
    world = World(groups(FRANKFURT, FRANKFURT_OTHER_ACCOUNT))
    world.run()
    world.trial.closed = {FRANKFURT}
    assert world.rotate(TOKEN)[-1] == "finished"


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_a_login_that_is_refused_once_it_was_made_never_becomes_current(world: World, step: str) -> None:
    before = world.secret.current
    world.take("createSecret", TOKEN)
    world.trial.refused = {document(world, TOKEN)["password"]}
    with pytest.raises(LoginRefusedError, match=f"^{FRANKFURT} does not accept the login$"):
        world.take(step, TOKEN)
    assert world.secret.current == before


def test_a_last_login_that_is_refused_too_holds_up_no_new_one(world: World) -> None:
    world.source.failures = {"us-east-1": DOWN}
    world.take("createSecret", TOKEN)
    world.trial.refused = {f"{CANARY}-us-east-1-2"}
    assert world.take("testSecret", TOKEN).status == "tested"
    assert world.take("finishSecret", TOKEN).status == "finished"


def test_a_registry_that_can_not_be_reached_holds_up_no_other(world: World) -> None:
    world.trial.down = {VIRGINIA}
    assert world.rotate(TOKEN)[-1] == "finished"


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_where_no_registry_can_be_reached_nothing_is_proven(world: World, step: str) -> None:
    world.trial.down = {FRANKFURT, VIRGINIA}
    world.take("createSecret", TOKEN)
    with pytest.raises(RotationError, match=f"no registry takes any login of the version: {FRANKFURT}: down; "):
        world.take(step, TOKEN)
    assert world.secret.version(CURRENT) != TOKEN


def test_a_login_that_can_not_be_had_leaves_the_last_one_and_is_told_when_the_others_are_current(world: World) -> None:
    world.source.failures = {"us-east-1": DOWN}
    taken = world.take("createSecret", TOKEN)
    assert taken.status == "created"
    assert str(taken.lacking) == f"ECR is down; the last login for {VIRGINIA} lives until {timestamp(NOW + LIFE)}"
    assert world.take("testSecret", TOKEN).lacking is None
    finished = world.take("finishSecret", TOKEN)
    assert isinstance(finished.lacking, NotRenewedError)
    assert str(finished.lacking) == (
        "ECR in us-east-1 gave no login that could be used; the last login for"
        f" {VIRGINIA} lives until {timestamp(NOW + LIFE)}"
    )
    assert fetched(world) == {FRANKFURT: timestamp(NOW + HOUR), VIRGINIA: timestamp(NOW)}
    assert world.take("finishSecret", TOKEN).lacking is None


def test_a_login_that_was_never_to_be_had_is_told_too() -> None:
    world = World(groups(FRANKFURT, VIRGINIA))
    world.source.failures = {"us-east-1": DOWN}
    world.run()
    world.secret.begin(TOKEN)
    world.take("createSecret", TOKEN)
    told = f"ECR in us-east-1 gave no login that could be used; there is no live login for {VIRGINIA}"
    assert str(world.take("finishSecret", TOKEN).lacking) == told


def test_where_no_login_can_be_had_there_is_no_new_version_and_the_next_try_makes_it(world: World) -> None:
    world.source.failures = {"eu-central-1": DOWN, "us-east-1": DOWN}
    with pytest.raises(Exception, match="2 of 2 logins were not to be had"):
        world.take("createSecret", TOKEN)
    assert TOKEN not in world.secret.values
    world.source.failures = {}
    assert world.rotate(TOKEN)[-1] == "finished"


def test_what_an_ordinary_run_has_renewed_in_the_meantime_stays_and_the_rotation_ends(world: World) -> None:
    world.take("createSecret", TOKEN)
    world.passes(HOUR)
    world.run()
    ordinary = world.secret.version(CURRENT)
    # Its own logins are not even tried any more.
    world.trial.refused = {document(world, TOKEN)["password"]}
    statuses = [world.take(step, TOKEN).status for step in STEPS]
    assert statuses == ["kept", "nothing to set", "superseded", "superseded"]
    assert (world.secret.version(CURRENT), world.secret.version(PENDING)) == (ordinary, None)


def test_a_version_that_is_without_a_login_which_a_run_has_fetched_since_never_becomes_current(world: World) -> None:
    world.groups = groups(FRANKFURT)
    world.take("createSecret", TOKEN)
    world.groups = groups(FRANKFURT, VIRGINIA)
    world.source.failures = {"eu-central-1": DOWN}
    world.run()
    assert world.take("finishSecret", TOKEN).status == "superseded"


def test_a_login_that_ecr_gives_out_again_is_a_new_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.source, "asked", [])
    until(world, "finishSecret")
    assert document(world)["password"] == f"{CANARY}-eu-central-1-1"
    world.source.asked.clear()
    world.passes(HOUR)
    world.secret.begin(NEXT)
    world.take("createSecret", NEXT)
    assert document(world, NEXT)["password"] == f"{CANARY}-eu-central-1-1"
    assert world.take("finishSecret", NEXT).lacking is None


def test_a_login_that_died_is_no_reason_to_keep_the_version_back(world: World) -> None:
    world.source.failures = {"us-east-1": DOWN}
    world.passes(LIFE)
    assert world.rotate(TOKEN)[-1] == "finished"
    assert set(fetched(world)) == {FRANKFURT}


def test_a_version_that_waited_for_less_than_half_a_life_is_taken_up_again(world: World) -> None:
    world.take("createSecret", TOKEN)
    world.passes(LIFE / 2 - timedelta(minutes=1))
    assert world.rotate(TOKEN) == ["kept", "nothing to set", "tested", "finished"]


@pytest.mark.parametrize("step", ["createSecret", "finishSecret"])
def test_a_version_that_waited_too_long_makes_way_for_the_next_rotation(world: World, step: str) -> None:
    world.take("createSecret", TOKEN)
    world.passes(LIFE / 2)
    with pytest.raises(RotationError, match="has waited until its logins were too old, and is not pending any more"):
        world.take(step, TOKEN)
    assert world.secret.version(PENDING) is None
    assert world.rotate(NEXT)[-1] == "finished"


def test_what_is_current_can_be_tried_by_itself_as_it_is_when_rotation_is_set_up_without_one(world: World) -> None:
    # RotateSecret with RotateImmediately false lets a copy be tested (API reference).
    world.secret.values[TOKEN] = str(world.secret.current)
    world.passes(LIFE / 2)
    assert world.take("testSecret", TOKEN).status == "tested"


def test_a_move_that_somebody_else_was_faster_at_is_refused_by_aws_and_overwrites_nothing(world: World) -> None:
    world.take("createSecret", TOKEN)
    tried = world.trial.logins

    def raced(logins: Any) -> Any:
        world.secret.put_secret_value(SecretId=SECRET_ID, ClientRequestToken="theirs", SecretString="{}")
        return tried(logins)

    world.trial.logins = raced  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AwsCallError, match="UpdateSecretVersionStage"):
        world.take("finishSecret", TOKEN)
    assert world.secret.version(CURRENT) == "theirs"


def test_a_label_that_a_killed_step_left_is_taken_away_by_its_repetition(world: World) -> None:
    until(world, "finishSecret")
    world.secret.labels[TOKEN].add(PENDING)
    assert world.take("finishSecret", TOKEN).status == "current already"
    assert world.secret.labels[TOKEN] == {CURRENT}


IMAGE = parse_image(f"{FRANKFURT}/team/app:1")


def test_an_image_that_only_the_new_login_can_not_pull_keeps_it_from_becoming_current(world: World) -> None:
    world.images = (IMAGE,)
    world.take("createSecret", TOKEN)
    world.trial.unfit = {document(world, TOKEN)["password"]}
    for step in ("testSecret", "finishSecret"):
        with pytest.raises(ImagesRefusedError, match=r"1 of 1 images can't be pulled: .*team/app is refused"):
            world.take(step, TOKEN)
    assert world.secret.version(CURRENT) != TOKEN


def test_an_image_that_the_current_login_can_not_pull_either_is_told_and_holds_up_nothing(world: World) -> None:
    world.images = (IMAGE,)
    world.take("createSecret", TOKEN)
    world.trial.unfit = {document(world)["password"], document(world, TOKEN)["password"]}
    for step in ("testSecret", "finishSecret"):
        assert [verdict.status for verdict in world.take(step, TOKEN).verdicts] == ["refused"]
    assert world.secret.version(CURRENT) == TOKEN


def test_nothing_of_a_password_is_in_what_a_step_comes_to(world: World) -> None:
    world.source.failures = {"us-east-1": DOWN}
    taken = [world.take(step, TOKEN) for step in STEPS]
    assert CANARY not in repr(taken)


def test_times_in_a_version_are_those_of_its_fetching(world: World) -> None:
    world.take("createSecret", TOKEN)
    assert instant(document(world, TOKEN)["refreshedAt"]) == NOW + HOUR
