"""Puts small images into the registry behind, and asks the registry side for them as a kubelet would."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import urllib3

from tests.local_aws.platform import ACCOUNT, REGION, Stand, http

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")


@dataclass(frozen=True)
class Image:
    """What was pushed."""

    digest: str
    layer: bytes
    layer_digest: str


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _push_blob(backend: str, path: str, data: bytes) -> str:
    begun = http("POST", f"{backend}/v2/{path}/blobs/uploads/")
    location = begun.headers["location"]
    done = http("PUT", f"{location}&digest={_digest(data)}", body=data)
    assert done.status == 201, done.data
    return _digest(data)


def seed(backend: str, repository: str, layer: bytes, account: str = ACCOUNT, region: str = REGION) -> Image:
    """Push an image of one layer, tag `v1`, straight to the registry behind."""
    path = "/".join(part for part in (account, region, repository) if part)
    config = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": _push_blob(backend, path, config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": _push_blob(backend, path, layer),
                "size": len(layer),
            }
        ],
    }
    body = json.dumps(manifest).encode()
    put = http("PUT", f"{backend}/v2/{path}/manifests/v1", body=body, headers={"content-type": MANIFEST_TYPE})
    assert put.status == 201, put.data
    return Image(_digest(body), layer, _digest(layer))


def token(stand: Stand, key: tuple[str, ...], region: str = REGION) -> str:
    """The password of a new ECR login."""
    data = stand.client("ecr", key, region).get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data[0]["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    return password


def ask(
    stand: Stand,
    password: str | None,
    path: str,
    method: str = "GET",
    account: str = ACCOUNT,
    region: str = REGION,
    **headers: str,
) -> urllib3.BaseHTTPResponse:
    """Ask the registry side as containerd does: sent to the mirror's address, the real host in `ns`."""
    host = f"{account}.dkr.ecr.{region}.amazonaws.com"
    sent = {"accept": MANIFEST_TYPE, **headers}
    if password is not None:
        sent["authorization"] = "Basic " + base64.b64encode(f"AWS:{password}".encode()).decode()
    return http(method, f"{stand.registry}{path}?ns={host}", headers=sent)


def error(answer: urllib3.BaseHTTPResponse) -> tuple[int, str, str]:
    """Status, code and message of a distribution error."""
    first: dict[str, Any] = answer.json()["errors"][0]
    return answer.status, first["code"], first["message"]
