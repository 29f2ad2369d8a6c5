"""Bad configurations of stacks that have one half, and of what is said of everything that a stack makes."""

import json

AWS = {"everpull:scope": "aws"}
CLUSTER = {"everpull:scope": "cluster", "everpull:awsStack": "aws"}
_KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
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

OF_CARE: dict[str, dict[str, str | None]] = {
    "tag without a value": {"everpull:tags": json.dumps(["team"])},
    "tag without a key": {"everpull:tags": json.dumps(["=a"])},
    "tag with a letter that not every service takes": {"everpull:tags": json.dumps(["team=a&b"])},
    "tag with a key too long": {"everpull:tags": json.dumps([f"{'a' * 129}=b"])},
    "tag with a value too long": {"everpull:tags": json.dumps([f"a={'b' * 257}"])},
    "tag of AWS's own": {"everpull:tags": json.dumps(["AWS:team=a"])},
    "tag of everpull's own": {"everpull:tags": json.dumps(["everpull:stack=other"])},
    "tag with two values": {"everpull:tags": json.dumps(["team=a", "team=b"])},
    "more tags than AWS takes": {"everpull:tags": json.dumps([f"t{number}=a" for number in range(49)])},
    "tags beside node roles alone": {
        "everpull:mode": "node-role",
        "everpull:nodeRoles": json.dumps(["main"]),
        "everpull:tags": json.dumps(["team=a"]),
        "everpull:protect": "true",
    },
    "protection neither yes nor no": {"everpull:protect": "prod"},
    "recovery of two days": {"everpull:recoveryDays": "2"},
    "recovery of a month and a day": {"everpull:recoveryDays": "31"},
    "recovery that is no number": {"everpull:recoveryDays": "a week"},
    "recovery of what the cluster alone has": {**CLUSTER, "everpull:recoveryDays": "7", "everpull:kmsKey": _KEY},
    "recovery of a secret that is not there": {"everpull:mode": "cronjob", "everpull:recoveryDays": "7"},
    "key by its alias": {"everpull:kmsKey": "arn:aws:kms:eu-central-1:123456789012:alias/everpull"},
    "key by its id": {"everpull:kmsKey": _KEY.rpartition("/")[2]},
    "key of another region": {"everpull:kmsKey": _KEY.replace("central", "west")},
    "key of another partition": {"everpull:kmsKey": _KEY.replace("arn:aws:", "arn:aws-cn:")},
}
