import json

import pytest

from settings import pods, schema
from settings.refused import Refused

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "name",
    [
        schema.DEFAULT_IMAGE.partition("@")[0],
        "python",
        "library/python:3.13-slim",
        "localhost:5000/everpull/refresher",
        "127.0.0.1:5000/everpull/refresher:1",
        "ghcr.example/Team/x".lower(),
        "quay.example/a__b/c-d.e_f:V1.0",
        # Neither an account's registry nor one of its hosts, however much it looks like one.
        "dkr.ecr.example/refresher",
    ],
)
def test_an_image_with_a_digest_is_taken_as_it_is(name: str) -> None:
    assert pods.image(f"{name}@{DIGEST}") == f"{name}@{DIGEST}"
    with pytest.raises(Refused, match="names no digest"):
        pods.image(name)


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
        "123456789012.dkr-ecr.eu-central-1.on.aws",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "123456789012.DKR.ECR.eu-central-1.amazonaws.com:443",
    ],
)
def test_an_image_that_needs_an_ecr_login_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="cannot wait for a login"):
        pods.image(f"{host}/refresher:1@{DIGEST}")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "@" + DIGEST,
        f"python:@{DIGEST}",
        f"https://a.example/b@{DIGEST}",
        f"a b@{DIGEST}",
        f"a//b@{DIGEST}",
        f"a@{DIGEST}0",
    ],
)
def test_what_names_no_image_is_refused(reference: str) -> None:
    with pytest.raises(Refused, match="is not the name of an image"):
        pods.image(reference)


def test_the_default_image_is_one_that_is_taken() -> None:
    assert pods.image(schema.DEFAULT_IMAGE) == schema.DEFAULT_IMAGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpu", ("gpu", None, None)),
        ("gpu:NoExecute", ("gpu", None, "NoExecute")),
        ("gpu=a100", ("gpu", "a100", None)),
        ("gpu=", ("gpu", "", None)),
        ("example.com/dedicated=ci:PreferNoSchedule", ("example.com/dedicated", "ci", "PreferNoSchedule")),
    ],
)
def test_a_taint_as_kubectl_spells_it_is_borne(text: str, expected: tuple[str, str | None, str | None]) -> None:
    assert pods.tolerations(json.dumps([text])) == (pods.Toleration(*expected),)


@pytest.mark.parametrize("text", ["", "=a", "a:", "a:noschedule", "a=b=c", "a=b:NoSchedule:NoExecute", "a b"])
def test_what_is_no_taint_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        pods.tolerations(json.dumps([text]))


def test_a_node_selector_is_labels() -> None:
    assert pods.node_selector('["kubernetes.io/arch=arm64", "empty="]') == (
        ("kubernetes.io/arch", "arm64"),
        ("empty", ""),
    )
