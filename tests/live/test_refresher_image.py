"""The image that the platform makes for the refresher, on a real node."""

from lightkube import Client

from local import paths
from local.registry import pins, refresher
from local.state import PlatformState
from tests.live import one_shot

NAMESPACE = "image-tests"
SCRIPT = """
import boto3, botocore.session, os, ssl, sys
print(boto3.__version__, sys.version_info >= (3, 11), os.getuid(), boto3.__spec__.cached.endswith(".pyc"))
print(os.path.exists(boto3.__spec__.cached), boto3.client("ecr", region_name="eu-central-1").meta.endpoint_url)
try:
    open("/written", "w")
except OSError as error:
    print(error.strerror)
"""


def test_it_has_the_programs_boto3_and_runs_as_nobody_on_a_read_only_root(
    platform: PlatformState, kube: Client
) -> None:
    outcome = one_shot.run(kube, NAMESPACE, "refresher-image", platform.refresher_image, SCRIPT)
    boto3 = pins.boto3_pin((paths.ROOT / "requirements.txt").read_text()).partition("==")[2]
    assert outcome.output.splitlines() == [
        f"{boto3} True {refresher.USER} True",
        # Compiled beforehand, and told where AWS is here.
        f"True {platform.aws_endpoint}",
        "Read-only file system",
    ]
    assert outcome.succeeded


OWN_NAMES = """
import boto3, os, urllib3
from botocore.config import Config
pool = urllib3.ProxyManager(os.environ["HTTPS_PROXY"])
for host in ("HOST", "public.ecr.aws"):
    print(pool.request("GET", f"https://{host}/v2/", retries=False).status)
ecr = boto3.client("ecr", "us-east-1", config=Config(ignore_configured_endpoint_urls=True, use_fips_endpoint=True),
    aws_access_key_id="AKIANOBODYHASTHISONE", aws_secret_access_key="x")
try:
    ecr.get_authorization_token()
except ecr.exceptions.ClientError as error:
    print(ecr.meta.endpoint_url, error.response["Error"]["Code"])
try:
    pool.request("GET", "https://example.com/", retries=False)
except urllib3.exceptions.ProxyError as error:
    print("403" in str(error))
"""


def test_aws_is_there_by_its_own_names_and_nobody_else_is(platform: PlatformState, kube: Client) -> None:
    script = OWN_NAMES.replace("HOST", platform.registry_host)
    outcome = one_shot.run(kube, NAMESPACE, "own-names", platform.refresher_image, script)
    assert outcome.output.splitlines() == [
        *("401", "401"),
        "https://ecr-fips.us-east-1.amazonaws.com UnrecognizedClientException",
        "True",
    ]


def test_it_is_named_by_digest_and_the_same_whenever_it_is_made(platform: PlatformState) -> None:
    folders = paths.current()
    again = refresher.push(folders, platform.backend_registry)
    assert platform.refresher_image == again.reference
    assert platform.refresher_image.endswith(f"/everpull/refresher@{again.digest}")
    assert list(folders.data.glob("refresher-image-*")) == []
