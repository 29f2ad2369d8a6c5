"""What a delivery is told that gives a service account a role, as the tests tell it."""

from typing import Any

from tests.components.recording import ACCOUNT

ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"
CLUSTER = f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/main"
IRSA: dict[str, Any] = {"oidc_issuer": ISSUER, "oidc_provider_arn": PROVIDER}
POD_IDENTITY: dict[str, Any] = {"eks_cluster_arn": CLUSTER}
