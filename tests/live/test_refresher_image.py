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


def test_it_is_named_by_digest_and_the_same_whenever_it_is_made(platform: PlatformState) -> None:
    folders = paths.current()
    again = refresher.push(folders, platform.backend_registry)
    assert platform.refresher_image == again.reference
    assert platform.refresher_image.endswith(f"/everpull/refresher@{again.digest}")
    assert list(folders.data.glob("refresher-image-*")) == []
