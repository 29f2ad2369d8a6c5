"""What a refusal of the API server is turned into: its kind, what to do about it, and nothing that it quotes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.errors import ApiCallError, ApiDeniedError, NamespaceMissingError, RefreshError
from refresher.kubernetes_errors import Asked, failure, is_missing_namespace, is_terminating

from tests.refresher.api_server import status
from tests.refresher.fakes import CANARY
from tests.refresher.test_document_properties import values

PATCH = Asked("patch", "secrets", "everpull-dev", "Role everpull-dev")
LIST = Asked("list", "namespaces", "", "ClusterRole everpull-dev", everywhere=True)
USER = "system:serviceaccount:everpull-dev:refresher"
RBAC = f'secrets "x" is forbidden: User "{USER}" cannot patch resource "secrets" in API group "" in the namespace "a"'


def refused(code: int, reason: str, message: str = "", asked: Asked = PATCH, **details: Any) -> RefreshError:
    return failure(asked, code, status(code, reason, message, **details).body)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            refused(401, "Unauthorized"),
            ApiDeniedError,
            "the API server does not accept the service account's token (asked to patch secrets everpull-dev)",
        ),
        (
            refused(403, "Forbidden", RBAC),
            ApiDeniedError,
            f"{USER} may not patch secrets everpull-dev in this namespace: Role everpull-dev and its binding allow it, `pulumi"
            " up --refresh` makes them again; a namespace that does not exist has none",
        ),
        (
            refused(
                403, "Forbidden", f'namespaces is forbidden: User "{USER}" cannot list resource "namespaces"', LIST
            ),
            ApiDeniedError,
            f"{USER} may not list namespaces in all namespaces: ClusterRole everpull-dev and its binding allow it, `pulumi up"
            " --refresh` makes them again",
        ),
        (
            refused(403, "Forbidden", 'secrets "x" is forbidden: exceeded quota: team-quota, requested: secrets=1'),
            ApiCallError,
            "the ResourceQuota team-quota refused to patch secrets everpull-dev: it has to let the Secret through",
        ),
        (
            refused(403, "Forbidden", f'admission webhook "guard.example.com" denied the request: {CANARY}'),
            ApiCallError,
            "the admission webhook guard.example.com refused to patch secrets everpull-dev: it has to let the Secret through",
        ),
        (
            refused(
                403, "Forbidden", f"ValidatingAdmissionPolicy 'no-secrets' with binding 'b' denied request: {CANARY}"
            ),
            ApiCallError,
            "the ValidatingAdmissionPolicy no-secrets refused to patch secrets everpull-dev: it has to let the Secret through",
        ),
        (
            refused(403, "Forbidden", CANARY),
            ApiCallError,
            "an admission check refused to patch secrets everpull-dev: it has to let the Secret through",
        ),
        (
            refused(404, "NotFound", 'namespaces "team-a" not found', kind="namespaces", name="team-a"),
            NamespaceMissingError,
            "the namespace does not exist: make it, or take it out of everpull:namespaces; the next run serves it",
        ),
        (
            refused(404, "NotFound", kind="secrets"),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 404 NotFound: there is no such object",
        ),
        (
            refused(409, "Conflict"),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 409 Conflict: somebody else kept changing it at the same"
            " time; the next run tries again",
        ),
        (
            refused(
                422,
                "Invalid",
                f'Secret "x" is invalid: data[.dockerconfigjson]: Invalid value: "{CANARY}"',
                causes=[{"reason": "FieldValueInvalid", "field": "data[.dockerconfigjson]", "message": CANARY}],
            ),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 422 Invalid, field data[.dockerconfigjson]: the object was"
            " found invalid",
        ),
        (
            refused(422, "Invalid", causes=[{"field": f"a {CANARY}"}, {"field": 7}, None, {"field": "type"}]),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 422 Invalid, field type: the object was found invalid",
        ),
        (
            refused(429, "TooManyRequests"),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 429 TooManyRequests: the API server is overloaded; the next"
            " run tries again",
        ),
        (
            refused(500, "InternalError", CANARY),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 500 InternalError",
        ),
        (
            failure(PATCH, 307, {}),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 307",
        ),
        (
            refused(400, f"a {CANARY}"),
            ApiCallError,
            "the API server could not patch secrets everpull-dev: 400",
        ),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(error: RefreshError, kind: type[RefreshError], text: str) -> None:
    assert type(error) is kind
    assert str(error) == text
    # What the API server refuses is nothing that IAM's patience would heal.
    assert not error.rights_missing


def test_a_namespace_that_is_missing_is_not_a_secret_that_is() -> None:
    for kind, missing in (("namespaces", True), ("secrets", False)):
        assert is_missing_namespace(404, status(404, "NotFound", kind=kind).body) is missing
    assert not is_missing_namespace(403, status(403, "Forbidden", kind="namespaces").body)


def test_a_namespace_that_is_being_deleted_is_told_by_the_cause() -> None:
    cause = {
        "reason": "NamespaceTerminating",
        "message": "namespace team-a is being terminated",
        "field": "metadata.namespace",
    }
    assert is_terminating(status(403, "Forbidden", causes=[cause]).body)
    assert not is_terminating(status(403, "Forbidden", RBAC).body)


@given(code=st.integers(300, 599), body=st.dictionaries(st.sampled_from(["reason", "message", "details"]), values))
def test_any_answer_is_a_failure(code: int, body: dict[str, Any]) -> None:
    assert str(failure(PATCH, code, body))
    assert is_terminating(body) is False


@given(
    code=st.integers(400, 599),
    reason=st.sampled_from([CANARY, "Invalid"]),
    message=st.sampled_from([RBAC.replace(USER, f"{CANARY} x"), f'exceeded quota: "{CANARY}"', CANARY]),
    field=st.sampled_from([f'data "{CANARY}"', f"{CANARY}\n"]),
)
def test_no_text_of_an_answer_gets_through(code: int, reason: str, message: str, field: str) -> None:
    assert CANARY not in str(refused(code, reason, message, causes=[{"field": field, "message": CANARY}]))
