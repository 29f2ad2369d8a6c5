"""Configurations of every mode with every identity and trigger, with the defaults and with all that can be asked for."""

import json
from collections.abc import Mapping
from typing import Any

from settings import schema

ACCOUNT = "000000000000"
_HOST = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
_IDENTITIES: dict[str, dict[str, Any]] = {
    "access-key": {"accessKeyGeneration": 2},
    "irsa": {"oidcIssuer": "https://oidc.example.com/cluster-a", "createOidcProvider": True},
    "pod-identity": {"eksCluster": "main"},
}
_MORE: dict[str, Any] = {
    "iamPath": "/everpull/",
    "permissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "registries": [_HOST, "222222222222.dkr.ecr.us-east-1.amazonaws.com", _HOST.replace("central", "west")],
    "repositories": ["team-a/*", "base"],
    "pullThroughCaches": ["docker-hub"],
    "assumeRoles": ["arn:aws:iam::222222222222:role/ecr-pull"],
    "ecrPublic": True,
    "verifyImages": [f"{_HOST}/team-a/app:1.0"],
    "namespaces": ["team-a", "team-b"],
    "createNamespaces": True,
    "namespaceSelector": "team",
    "excludedNamespaces": ["kube-system"],
    "attach": "pods",
    "nodeRoles": ["nodes"],
    "sharedRepositories": [f"{_HOST}/team-a/app"],
    "sharedWith": ["333333333333"],
    "alarms": True,
    "alarmEmail": "oncall@example.com",
    "prometheusRules": True,
    "kmsKey": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
# Whatever they are set to, the same resources are made with the same rights.
OF_NO_CONSEQUENCE = frozenset(
    {
        *("accessKeyMaxAgeDays", "adopt", "pullSecretName", "systemNamespace", "prometheusRuleLabels", "alarmHours"),
        *("schedule", "syncInterval", "renewInterval", "fanOutInterval", "logRetentionDays", "reservedConcurrency"),
        *("image", "imagePullPolicy", "nodeSelector", "tolerations"),
        *("tags", "protect", "recoveryDays"),
    }
)
# Another way to say what is looked at: roles by their cluster, another attachment, a topic of somebody else, another account,
# the two halves of mode `lambda` each by itself.
INSTEAD = frozenset({"nodeClusters", "serviceAccounts", "alarmTopic", "ownerRoles", "scope", "awsStack"})


def _known(mode: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in chosen.items() if mode in schema.modes_with(key)}


def _combinations() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for mode in schema.MODES:
        for identity in schema.MODES[mode].identities or ("",):
            for trigger in schema.TRIGGERS if mode in schema.modes_with("trigger") else ("",):
                chosen = {"mode": mode, "identity": identity, "trigger": trigger}
                chosen = {key: value for key, value in chosen.items() if value} | _IDENTITIES.get(identity, {})
                name = " ".join(filter(None, (mode, identity, trigger)))
                found[name] = _known(mode, {**chosen, "nodeRoles": ["nodes"]} if mode == "node-role" else chosen)
                found[f"{name}, all options"] = _known(mode, {**_MORE, **chosen})
    return found


COMBINATIONS = _combinations()


def config(chosen: Mapping[str, Any]) -> dict[str, str]:
    """As the engine gives it to a program."""
    keys = {f"everpull:{key}": value for key, value in chosen.items()}
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    return {"aws:region": "eu-central-1", **text}
