"""Bad configurations of stacks that have one half."""

import json

AWS = {"everpull:scope": "aws"}
CLUSTER = {"everpull:scope": "cluster", "everpull:awsStack": "aws"}
_HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

OF_SCOPES: dict[str, dict[str, str | None]] = {
    "unknown scope near a known one": {"everpull:scope": "clusters"},
    "scope of another mode": {**CLUSTER, "everpull:mode": "cronjob"},
    "cluster without a stack that keeps its login": {"everpull:scope": "cluster"},
    "login kept by the stack itself": {**CLUSTER, "everpull:awsStack": "dev"},
    "login kept by a stack with a space": {**CLUSTER, "everpull:awsStack": "my stack"},
    "login kept by a stack of four parts": {**CLUSTER, "everpull:awsStack": "a/b/c/d"},
    "login kept by another stack than a whole one": {"everpull:awsStack": "aws"},
    "half of AWS beside what is of the cluster": {
        **AWS,
        "everpull:identity": "irsa",
        "everpull:eksCluster": "main",
        "everpull:namespaces": json.dumps(["team-a"]),
        "everpull:attach": "pods",
        "everpull:syncInterval": "10m",
    },
    "half of the cluster beside what is of AWS": {
        **CLUSTER,
        "everpull:registries": json.dumps([_HOST]),
        "everpull:assumeRoles": json.dumps(["arn:aws:iam::123456789012:role/a"]),
        "everpull:verifyImages": json.dumps([f"{_HOST}/a:1"]),
        "everpull:schedule": "rate(2 hours)",
        "everpull:logRetentionDays": "7",
        "everpull:nodeRoles": json.dumps(["main"]),
    },
}
