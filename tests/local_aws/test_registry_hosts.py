"""Every form of host that ECR's private registries have."""

import pytest
import urllib3

from lambda_src.refresher.registries import parse_registry
from local.aws.registry_hosts import parse
from tests.local_aws.images import MANIFEST_TYPE, seed, token
from tests.local_aws.platform import ACCOUNT, ADMIN, Stand, allow, http

FORMS = [
    ("{}.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
    ("{}.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1"),
    ("{}.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
    ("{}.dkr-ecr-fips.us-west-2.on.aws", "us-west-2"),
    ("{}.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("{}.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", "cn-northwest-1"),
    ("{}.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("{}.dkr.ecr-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
    ("{}.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
    ("{}.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
    ("{}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
]


@pytest.mark.parametrize(("form", "region"), FORMS)
def test_each_form_names_account_and_region_as_the_product_reads_it(form: str, region: str) -> None:
    host = form.format("123456789012")
    assert parse(host) == ("123456789012", region)
    assert parse(f"{host}:443") == ("123456789012", region)
    product = parse_registry(host)
    assert (product.account, product.region) == ("123456789012", region)


@pytest.mark.parametrize(
    "host",
    [
        "docker.io",
        "public.ecr.aws",
        "12.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
        "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.on.aws",
        "123456789012.dkr-ecr.eusc-de-east-1.amazonaws.eu",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.com",
    ],
)
def test_no_other_name_is_one(host: str) -> None:
    assert parse(host) is None


@pytest.mark.parametrize(("form", "region"), FORMS[:6])
def test_one_registry_answers_by_all_of_its_names(
    stand: Stand, backend: str, name: str, form: str, region: str
) -> None:
    stand.client("ecr", ADMIN, region).create_repository(repositoryName=name)
    image = seed(backend, name, b"layer", region=region)
    host = form.format(ACCOUNT)
    login = urllib3.make_headers(basic_auth=f"AWS:{token(stand, ADMIN, region)}")
    headers = {"accept": MANIFEST_TYPE, **login}
    answer = http("GET", f"{stand.registry}/v2/{name}/manifests/v1?ns={host}", headers=headers)
    assert answer.headers["docker-content-digest"] == image.digest
    refused = http("GET", f"{stand.registry}/v2/{name}/manifests/v1?ns={host}")
    assert refused.headers["www-authenticate"] == f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'


@pytest.mark.parametrize(("partition", "status"), [("aws-cn", 200), ("aws", 403)])
def test_rights_name_a_repository_by_its_own_partition(
    stand: Stand, backend: str, name: str, partition: str, status: int
) -> None:
    region = "cn-north-1"
    stand.client("ecr", ADMIN, region).create_repository(repositoryName=name)
    seed(backend, name, b"layer", region=region)
    policy = allow("ecr:BatchGetImage", resource=f"arn:{partition}:ecr:{region}:{ACCOUNT}:repository/{name}")
    policy["Statement"] += allow("ecr:GetAuthorizationToken")["Statement"]
    login = urllib3.make_headers(basic_auth=f"AWS:{token(stand, stand.user(name, policy), region)}")
    host = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com.cn"
    answer = http(
        "GET", f"{stand.registry}/v2/{name}/manifests/v1?ns={host}", headers={"accept": MANIFEST_TYPE, **login}
    )
    assert answer.status == status
