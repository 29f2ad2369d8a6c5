import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import service_accounts
from kube.changes import NotDone
from kube.client import Unreachable
from kube.service_accounts import Entry, ServiceAccounts, attaching, detaching, holds

ENTRY = Entry("team-a", "builder", "everpull-dev")
PATH = "/api/v1/namespaces/team-a/serviceaccounts/builder"
OURS = {"everpull/everpull-dev": "attached"}


def account(*secrets: str, annotations: dict[str, str] | None = None, version: str = "7") -> dict[str, Any]:
    """As the API server gives it: what is empty is left out."""
    made: dict[str, Any] = {"metadata": {"name": "builder", "resourceVersion": version}}
    if annotations:
        made["metadata"]["annotations"] = dict(annotations)
    if secrets:
        made["imagePullSecrets"] = [{"name": name} for name in secrets]
    return made


class TestFailed(Exception):
    __test__ = False


def patched(target: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """The part of RFC 6902 that is used, with an API server's habit of dropping what is empty. Raises TestFailed."""
    result = json.loads(json.dumps(target))
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        at = result
        for part in parents:
            at = at[int(part)] if isinstance(at, list) else at[part]
        match operation["op"], at:
            case "test", dict():
                if at[last] != operation["value"]:
                    raise TestFailed
            case "add", list():
                at.insert(len(at) if last == "-" else int(last), operation["value"])
            case "add", dict():
                at[last] = operation["value"]
            case "remove", list():
                del at[int(last)]
            case "remove", dict():
                del at[last]
            case _:
                raise AssertionError(operation)
    if not result.get("imagePullSecrets"):
        result.pop("imagePullSecrets", None)
    if not result["metadata"].get("annotations"):
        result["metadata"].pop("annotations", None)
    return result


def names(of: dict[str, Any]) -> list[str]:
    return [item["name"] for item in of.get("imagePullSecrets", [])]


def test_the_first_entry_makes_the_list_and_marks_it_as_ours() -> None:
    after = patched(account(), attaching(account(), ENTRY))
    assert (names(after), after["metadata"]["annotations"]) == (["everpull-dev"], OURS)


def test_another_entry_comes_behind_those_of_others() -> None:
    before = account("theirs", "more", annotations={"theirs": "1"})
    after = patched(before, attaching(before, ENTRY))
    assert names(after) == ["theirs", "more", "everpull-dev"]
    assert after["metadata"]["annotations"] == {"theirs": "1", **OURS}


def test_an_entry_that_is_there_is_not_doubled_and_stays_its_makers() -> None:
    assert attaching(account("everpull-dev", "theirs"), ENTRY) == []


def test_only_ours_is_taken_back() -> None:
    before = account("theirs", "everpull-dev", "more", annotations={"theirs": "1", **OURS})
    after = patched(before, detaching(before, ENTRY))
    assert names(after) == ["theirs", "more"]
    assert after["metadata"]["annotations"] == {"theirs": "1"}


def test_an_entry_that_somebody_else_made_is_not_taken_away() -> None:
    assert detaching(account("everpull-dev"), ENTRY) == []


def test_what_somebody_took_out_already_leaves_the_mark_alone_to_go() -> None:
    before = account("theirs", annotations=OURS)
    after = patched(before, detaching(before, ENTRY))
    assert (names(after), "annotations" in after["metadata"]) == (["theirs"], False)


def test_entries_of_one_name_all_go() -> None:
    before = account("everpull-dev", "theirs", "everpull-dev", annotations=OURS)
    assert names(patched(before, detaching(before, ENTRY))) == ["theirs"]


@pytest.mark.parametrize(
    ("plan", "before"),
    [(attaching, account("theirs")), (detaching, account("everpull-dev", annotations=OURS))],
)
def test_a_patch_is_void_once_the_account_has_changed(plan: Callable[..., Any], before: dict[str, Any]) -> None:
    operations = plan(before, ENTRY)
    patched(before, operations)
    with pytest.raises(TestFailed):
        patched({**before, "metadata": {**before["metadata"], "resourceVersion": "8"}}, operations)


SECRETS = st.lists(st.sampled_from(["theirs", "more", "everpull-prod"]), max_size=5)
ANNOTATIONS = st.dictionaries(st.sampled_from(["theirs", "everpull/everpull-prod"]), st.text(max_size=3), max_size=2)


@given(SECRETS, ANNOTATIONS)
def test_attaching_and_detaching_leave_any_account_as_it_was(secrets: list[str], annotations: dict[str, str]) -> None:
    before = account(*secrets, annotations=annotations)
    there = patched(before, attaching(before, ENTRY))
    assert holds(there, ENTRY)
    assert names(there)[:-1] == secrets
    assert attaching(there, ENTRY) == []
    assert patched(there, detaching(there, ENTRY)) == before


@dataclass
class FakeApi:
    """One service account, or none. Each of `before` is done ahead of one more request, and may answer it."""

    stored: dict[str, Any] | None
    before: list[Callable[["FakeApi", httpx2.Request], httpx2.Response | None]] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.before.pop(0)(self, request) if self.before else None
        if answer is not None:
            return answer
        if self.stored is None or request.url.path != PATH:
            return status(404, "not found")
        if request.method == "PATCH":
            try:
                self.stored = patched(self.stored, json.loads(request.content))
            except TestFailed:
                return status(422, "the server rejected our request due to an error in our request")
            self.touch()
        return httpx2.Response(200, json=self.stored)

    def touch(self) -> None:
        """A new version."""
        assert self.stored is not None
        self.stored["metadata"]["resourceVersion"] = str(int(self.stored["metadata"]["resourceVersion"]) + 1)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def accounts(self, patience: float = 5.0) -> ServiceAccounts:
        http = httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(self))
        return ServiceAccounts(http, patience)


def status(code: int, message: str) -> httpx2.Response:
    return httpx2.Response(code, json={"kind": "Status", "message": message})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_accounts.time, "sleep", lambda seconds: None)


def nothing(api: FakeApi, request: httpx2.Request) -> None:
    """Lets the request through."""


def somebody_adds(name: str) -> Callable[[FakeApi, httpx2.Request], None]:
    def add(api: FakeApi, request: httpx2.Request) -> None:
        assert api.stored is not None
        api.stored.setdefault("imagePullSecrets", []).insert(0, {"name": name})
        api.touch()

    return add


def answered(code: int) -> Callable[[FakeApi, httpx2.Request], httpx2.Response]:
    return lambda api, request: status(code, "no")


def test_a_change_is_one_json_patch_by_a_field_manager_of_our_own() -> None:
    api = FakeApi(account("theirs"))
    api.accounts().attach(ENTRY)
    assert api.methods == ["GET", "PATCH"]
    assert api.requests[1].headers["Content-Type"] == "application/json-patch+json"
    assert api.requests[1].url.params["fieldManager"] == "everpull"
    assert names(api.stored or {}) == ["theirs", "everpull-dev"]


def test_what_is_as_it_should_be_is_not_written() -> None:
    api = FakeApi(account("everpull-dev"))
    api.accounts().attach(ENTRY)
    api.accounts().detach(ENTRY)
    assert api.methods == ["GET", "GET"]


def test_somebody_who_is_faster_is_not_overwritten_by_attaching() -> None:
    api = FakeApi(account("theirs"), [nothing, somebody_adds("first"), nothing, somebody_adds("second")])
    api.accounts().attach(ENTRY)
    assert names(api.stored or {}) == ["second", "first", "theirs", "everpull-dev"]


def test_somebody_who_is_faster_does_not_lose_an_entry_by_detaching() -> None:
    api = FakeApi(account("everpull-dev", "theirs", annotations=OURS), [nothing, somebody_adds("new")])
    api.accounts().detach(ENTRY)
    assert names(api.stored or {}) == ["new", "theirs"]


@pytest.mark.parametrize("code", [409, 422, 429, 500, 503, 504])
@pytest.mark.parametrize("request_", ["GET", "PATCH"])
def test_what_may_pass_is_tried_again(code: int, request_: str) -> None:
    api = FakeApi(account(), [answered(code)] if request_ == "GET" else [nothing, answered(code)])
    api.accounts().attach(ENTRY)
    assert names(api.stored or {}) == ["everpull-dev"]


def test_what_does_not_pass_is_told_with_the_servers_words() -> None:
    api = FakeApi(account(), [answered(409), answered(409)])
    with pytest.raises(NotDone, match=f"HTTP 409 on {PATH}: no"):
        api.accounts(patience=-1).attach(ENTRY)


def test_a_right_that_is_missing_is_told_at_once() -> None:
    api = FakeApi(account(), [nothing, answered(403)])
    with pytest.raises(NotDone, match=f"HTTP 403 on {PATH}: no"):
        api.accounts().attach(ENTRY)
    assert api.methods == ["GET", "PATCH"]


def test_an_account_that_does_not_exist_is_told_with_the_command_that_makes_it() -> None:
    api = FakeApi(None)
    with pytest.raises(NotDone, match="kubectl --namespace team-a create serviceaccount builder"):
        api.accounts().attach(ENTRY)
    assert api.methods == ["GET"]


def test_the_account_default_of_a_new_namespace_is_waited_for() -> None:
    default = Entry("team-a", "default", "everpull-dev")
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.method)
        return httpx2.Response(200, json=account()) if len(asked) > 3 else status(404, "not found")

    http = httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(answer))
    ServiceAccounts(http, 5.0).attach(default)
    assert asked == ["GET"] * 4 + ["PATCH"]
    asked.clear()
    with pytest.raises(NotDone, match="create serviceaccount default"):
        ServiceAccounts(http, -1.0).attach(default)


def test_an_account_that_goes_while_it_is_changed_is_an_account_that_is_gone() -> None:
    def goes(api: FakeApi, request: httpx2.Request) -> None:
        api.stored = None

    api = FakeApi(account("everpull-dev", annotations=OURS), [nothing, goes])
    api.accounts().detach(ENTRY)
    assert api.methods == ["GET", "PATCH", "GET"]


def test_an_account_or_namespace_that_is_gone_needs_no_detaching() -> None:
    api = FakeApi(None)
    api.accounts().detach(ENTRY)
    assert api.methods == ["GET"]


@pytest.mark.parametrize(
    ("stored", "there"), [(None, False), (account("theirs"), False), (account("everpull-dev"), True)]
)
def test_whether_it_is_there(stored: dict[str, Any] | None, there: bool) -> None:
    assert FakeApi(stored).accounts().holds(ENTRY) is there


def test_no_answer_at_all_is_told_without_the_clusters_address() -> None:
    def fail(api: FakeApi, request: httpx2.Request) -> None:
        raise httpx2.ConnectError("canary")

    with pytest.raises(Unreachable, match=f"^ConnectError on {PATH}$"):
        FakeApi(account(), [fail]).accounts().attach(ENTRY)


def test_an_answer_that_is_no_kubernetes_answer_is_told_too() -> None:
    api = FakeApi(account(), [lambda api, request: httpx2.Response(302, text="<html>")])
    with pytest.raises(NotDone, match=f"^HTTP 302 on {PATH}: no reason given$"):
        api.accounts().attach(ENTRY)
