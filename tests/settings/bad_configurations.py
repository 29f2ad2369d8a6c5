"""Bad configurations. `GOOD` is the one that each of them breaks; the text files beside hold what each is told, whole."""

import json

from tests.settings.bad_alarms import OF_ALARMS
from tests.settings.bad_scopes import OF_CARE, OF_SCOPES

GOOD = {"aws:region": "eu-central-1"}
CRONJOB = {"everpull:mode": "cronjob"}
GENERATOR = {"everpull:mode": "generator"}
NODE_ROLE = {"everpull:mode": "node-role", "everpull:nodeRoles": json.dumps(["nodes"])}
DIGEST = "sha256:" + "0" * 64

IN_ANY_MODE: dict[str, dict[str, str | None]] = {
    "no region": {"aws:region": None},
    "region that is none": {"aws:region": "Frankfurt"},
    "unknown key near a known one": {"everpull:namespace": "team-a"},
    "unknown key near none": {"everpull:zzz": "1"},
    "unknown mode near a known one": {"everpull:mode": "lamda"},
    "unknown mode": {"everpull:mode": "sidecar"},
    "mode with a capital": {"everpull:mode": "Lambda"},
    "unknown identity": {"everpull:identity": "password"},
    "registry with a scheme": {
        "everpull:registries": json.dumps(["https://123456789012.dkr.ecr.eu-central-1.amazonaws.com"])
    },
    "registry with a repository": {
        "everpull:registries": json.dumps(["123456789012.dkr.ecr.eu-central-1.amazonaws.com/app"])
    },
    "registry of another kind": {"everpull:registries": json.dumps(["ghcr.example"])},
    "registry with a short account": {"everpull:registries": json.dumps(["12345.dkr.ecr.eu-central-1.amazonaws.com"])},
    "registry in the wrong domain": {
        "everpull:registries": json.dumps(["123456789012.dkr.ecr.cn-north-1.amazonaws.com"])
    },
    "registry twice": {"everpull:registries": json.dumps(["123456789012.dkr.ecr.eu-central-1.amazonaws.com"] * 2)},
    "registries not a list": {"everpull:registries": "123456789012.dkr.ecr.eu-central-1.amazonaws.com"},
    "registry that is a number": {"everpull:registries": "[123456789012]"},
    "no repositories": {"everpull:repositories": "[]"},
    "repository in capitals": {"everpull:repositories": json.dumps(["Team/app"])},
    "repository with a tag": {"everpull:repositories": json.dumps(["team/app:1.0"])},
    "repository with a star in the middle": {"everpull:repositories": json.dumps(["team/*/app"])},
    "repository too long": {"everpull:repositories": json.dumps(["a" * 257])},
    "no namespaces": {"everpull:namespaces": "[]"},
    "namespace in capitals": {"everpull:namespaces": json.dumps(["Team-A"])},
    "namespace too long": {"everpull:namespaces": json.dumps(["a" * 64])},
    "namespace that ends with a dash": {"everpull:namespaces": json.dumps(["team-"])},
    "namespace twice": {"everpull:namespaces": json.dumps(["team-a", "team-b", "team-a"])},
    "namespace empty": {"everpull:namespaces": json.dumps([""])},
    "system namespace among the served": {
        "everpull:namespaces": json.dumps(["team-a"]),
        "everpull:systemNamespace": "team-a",
    },
    "system namespace with an underscore": {"everpull:systemNamespace": "everpull_system"},
    "pull secret with a slash": {"everpull:pullSecretName": "team/ecr"},
    "pull secret too long": {"everpull:pullSecretName": "a" * 64},
    "schedule that is a duration": {"everpull:schedule": "1h"},
    "schedule with a plural of one": {"everpull:schedule": "rate(1 hours)"},
    "schedule with a singular of two": {"everpull:schedule": "rate(2 hour)"},
    "schedule of zero": {"everpull:schedule": "rate(0 hours)"},
    "schedule in seconds": {"everpull:schedule": "rate(30 seconds)"},
    "schedule by cron": {"everpull:schedule": "cron(0 * * * ? *)"},
    "schedule too slow": {"everpull:schedule": "rate(6 hours)"},
    "sync too slow": {"everpull:syncInterval": "4h"},
    "sync without a unit": {"everpull:syncInterval": "15"},
    "sync too fast": {"everpull:syncInterval": "5s"},
    "fan-out too slow": {"everpull:fanOutInterval": "5h"},
    "fan-out that is no duration": {"everpull:fanOutInterval": "often"},
    "retention that CloudWatch lacks": {"everpull:logRetentionDays": "31"},
    "retention that is no number": {"everpull:logRetentionDays": "a month"},
    "concurrency of zero": {"everpull:reservedConcurrency": "0"},
    "several faults at once": {
        "everpull:mode": "lamda",
        "everpull:schedule": "hourly",
        "everpull:namespaces": json.dumps(["Team-A"]),
        "aws:region": None,
    },
}

OF_MODES: dict[str, dict[str, str | None]] = {
    "adopt that is neither yes nor no": {"everpull:adopt": "yes"},
    "makes namespaces, but neither yes nor no": {"everpull:createNamespaces": "all"},
    "makes namespaces, but lists none": {
        "everpull:createNamespaces": "true",
        "everpull:namespaces": "[]",
        "everpull:namespaceSelector": "team=a",
    },
    "key of another mode": {"everpull:imagePullPolicy": "Always"},
    "key of another mode, and a bad value": {"everpull:imagePullPolicy": "always"},
    "unknown mode near one with rules of its own": {"everpull:mode": "cronjb", "everpull:schedule": "rate(7 minutes)"},
    "number of another mode": {**CRONJOB, "everpull:logRetentionDays": "31"},
    "keys of another mode, bad ones among them": {
        **CRONJOB,
        "everpull:syncInterval": "often",
        "everpull:reservedConcurrency": "1",
    },
    "keys of another mode beside an unknown mode": {"everpull:mode": "sidecar", "everpull:image": "python"},
    "cronjob without namespaces": {**CRONJOB, "everpull:namespaces": "[]"},
    "cronjob with a rate that comes out uneven": {**CRONJOB, "everpull:schedule": "rate(7 minutes)"},
    "cronjob with a rate between hours": {**CRONJOB, "everpull:schedule": "rate(90 minutes)"},
    "cronjob with an uneven part of a day": {**CRONJOB, "everpull:schedule": "rate(5 hours)"},
    "cronjob with more than a day": {**CRONJOB, "everpull:schedule": "rate(2 days)"},
    "cronjob too slow": {**CRONJOB, "everpull:schedule": "rate(6 hours)"},
    "generator too slow": {**GENERATOR, "everpull:renewInterval": "6h1m"},
    "generator whose renewal is no duration": {**GENERATOR, "everpull:renewInterval": "often"},
    "generator with a fan-out too slow": {**GENERATOR, "everpull:fanOutInterval": "3h"},
    "generator with what only the refresher does": {
        **GENERATOR,
        "everpull:schedule": "rate(2 hours)",
        "everpull:verifyImages": json.dumps(["auto"]),
    },
    "generator with too many registries": {
        **GENERATOR,
        "everpull:registries": json.dumps(
            [f"{number:012}.dkr.ecr.eu-central-1.amazonaws.com" for number in range(238)]
        ),
    },
    "selector that stops in the middle": {**CRONJOB, "everpull:namespaceSelector": "team in (a"},
    "selector with a comma at its end": {**CRONJOB, "everpull:namespaceSelector": "team=a,"},
    "selector by number": {**CRONJOB, "everpull:namespaceSelector": "rank>3"},
    "selector with an empty item": {**CRONJOB, "everpull:namespaceSelector": "team notin (a,)"},
    "selector with a bad key": {**CRONJOB, "everpull:namespaceSelector": "-team=a"},
    "selector with a bad prefix": {**CRONJOB, "everpull:namespaceSelector": "Example.com/team"},
    "selector with a bad value": {**CRONJOB, "everpull:namespaceSelector": "team=a/b"},
    "selector of mode lambda that stops in the middle": {"everpull:namespaceSelector": "team in (a"},
    "selector that matches nothing": {**CRONJOB, "everpull:namespaceSelector": "team in (a,b),team=c"},
    "exclusion without a selector": {**CRONJOB, "everpull:excludedNamespaces": json.dumps(["kube-system"])},
    "namespace both listed and excluded": {
        **CRONJOB,
        "everpull:namespaceSelector": "team",
        "everpull:namespaces": json.dumps(["team-a", "team-b"]),
        "everpull:excludedNamespaces": json.dumps(["team-b"]),
    },
    "more namespaces than a ConfigMap holds": {
        **CRONJOB,
        "everpull:namespaces": json.dumps([f"team-{number:05}" for number in range(7000)]),
    },
    "image without a digest": {**CRONJOB, "everpull:image": "public.ecr.aws/docker/library/python:3.13"},
    "image with a short digest": {**CRONJOB, "everpull:image": "python@sha256:0123"},
    "image in capitals": {**CRONJOB, "everpull:image": f"Python@{DIGEST}"},
    "image that needs the login it is to fetch": {
        **CRONJOB,
        "everpull:image": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/refresher@{DIGEST}",
    },
    "pull policy in small letters": {**CRONJOB, "everpull:imagePullPolicy": "always"},
    "node selector without a value": {**CRONJOB, "everpull:nodeSelector": json.dumps(["gpu"])},
    "node selector with two values of a key": {**CRONJOB, "everpull:nodeSelector": json.dumps(["zone=a", "zone=b"])},
    "toleration of an unknown effect": {**CRONJOB, "everpull:tolerations": json.dumps(["dedicated=ci:NoRun"])},
    "toleration without a key": {**CRONJOB, "everpull:tolerations": json.dumps([":NoSchedule"])},
}

_ROTATION = {"everpull:trigger": "rotation"}
OF_TRIGGERS: dict[str, dict[str, str | None]] = {
    "unknown trigger near a known one": {"everpull:trigger": "rotate"},
    "trigger of another mode": {**CRONJOB, **_ROTATION},
    "trigger beside node roles alone": {**NODE_ROLE, **_ROTATION},
    "rotation by the default of schedules": {**_ROTATION, "everpull:schedule": "rate(1 hour)"},
    "rotation every three hours": {**_ROTATION, "everpull:schedule": "rate(3 hours)"},
    "rotation in minutes": {**_ROTATION, "everpull:schedule": "rate(240 minutes)"},
    "rotation once a day": {**_ROTATION, "everpull:schedule": "rate(1 day)"},
    "rotation with a singular of four": {**_ROTATION, "everpull:schedule": "rate(4 hour)"},
    "rotation by cron": {**_ROTATION, "everpull:schedule": "cron(0 */4 * * ? *)"},
    "rotation too slow": {**_ROTATION, "everpull:schedule": "rate(10 hours)"},
    "rotation with a sync too slow": {**_ROTATION, "everpull:syncInterval": "7h"},
    "rotation too slow and a sync of another form": {
        **_ROTATION,
        "everpull:schedule": "rate(1 day)",
        "everpull:syncInterval": "often",
    },
}

_TO_ACCOUNTS = {"everpull:attach": "service-accounts"}
OF_ATTACHING: dict[str, dict[str, str | None]] = {
    "attach of another word": {"everpull:attach": "pod"},
    "service account in capitals": {**_TO_ACCOUNTS, "everpull:serviceAccounts": json.dumps(["Builder"])},
    "service account with two slashes": {**_TO_ACCOUNTS, "everpull:serviceAccounts": json.dumps(["a/b/c"])},
    "service account without a name": {**_TO_ACCOUNTS, "everpull:serviceAccounts": json.dumps(["default/"])},
    "service account in no possible namespace": {**_TO_ACCOUNTS, "everpull:serviceAccounts": json.dumps(["A/builder"])},
    "service account too long": {**_TO_ACCOUNTS, "everpull:serviceAccounts": json.dumps(["a" * 254])},
    "service account in a namespace that is not listed": {
        **_TO_ACCOUNTS,
        "everpull:namespaces": json.dumps(["team-a"]),
        "everpull:serviceAccounts": json.dumps(["default", "team-b/builder", "team-c/builder"]),
    },
    "no service accounts": {**_TO_ACCOUNTS, "everpull:serviceAccounts": "[]"},
    "service accounts that nothing is attached to": {"everpull:serviceAccounts": json.dumps(["builder"])},
    "service accounts beside pods": {"everpull:attach": "pods", "everpull:serviceAccounts": json.dumps(["builder"])},
    "service accounts of namespaces by label alone": {
        **CRONJOB,
        **_TO_ACCOUNTS,
        "everpull:namespaces": "[]",
        "everpull:namespaceSelector": "team=a",
    },
}

_NODES = {"everpull:mode": "node-role"}
OF_NODES: dict[str, dict[str, str | None]] = {
    "nobody to pull by a node's role": _NODES,
    "node role by its ARN": {
        **_NODES,
        "everpull:nodeRoles": json.dumps(["arn:aws:iam::123456789012:role/nodes/main"]),
    },
    "node role with a space": {"everpull:nodeRoles": json.dumps(["main nodes"])},
    "node role too long": {"everpull:nodeRoles": json.dumps(["a" * 65])},
    "node cluster with a space": {**_NODES, "everpull:nodeClusters": json.dumps(["a b"])},
    "node role beside what is of the cluster": {
        **NODE_ROLE,
        "everpull:namespaces": json.dumps(["team-a"]),
        "everpull:schedule": "hourly",
        "everpull:attach": "pod",
    },
    "node cluster seen with other credentials": {
        **_NODES,
        "everpull:nodeClusters": json.dumps(["main"]),
        "aws:accessKey": "AKIAEXAMPLE",
    },
}

_HOST = "222222222222.dkr.ecr.eu-central-1.amazonaws.com"
_SHARED = {"everpull:sharedRepositories": json.dumps([f"{_HOST}/team-a/app"])}
_WRITER = "arn:aws:iam::222222222222:role/writer"
OF_SHARING: dict[str, dict[str, str | None]] = {
    "shared repository without a host": {"everpull:sharedRepositories": json.dumps(["app"])},
    "shared repository of another host": {"everpull:sharedRepositories": json.dumps(["ghcr.example/app"])},
    "shared repositories by a pattern": {"everpull:sharedRepositories": json.dumps([f"{_HOST}/team-a/*"])},
    "shared with everybody": {**_SHARED, "everpull:sharedWith": json.dumps(["*"])},
    "shared with a session": {
        **_SHARED,
        "everpull:sharedWith": json.dumps(["arn:aws:sts::123456789012:assumed-role/node/i-1"]),
    },
    "shared with somebody, but nothing": {"everpull:sharedWith": json.dumps(["123456789012"])},
    "owner role that is a user": {**_SHARED, "everpull:ownerRoles": json.dumps(["arn:aws:iam::222222222222:user/a"])},
    "two owner roles of an account": {**_SHARED, "everpull:ownerRoles": json.dumps([_WRITER, f"{_WRITER}2"])},
    "owner role of an account that shares nothing": {"everpull:ownerRoles": json.dumps([_WRITER])},
    "shared repositories seen with other credentials": {**_SHARED, "aws:assumeRoles": json.dumps([{"roleArn": "a"}])},
}

_MANY = [f"{number:012}.{_HOST[13:]}" for number in range(300)]
_CHINA = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
OF_REACHING: dict[str, dict[str, str | None]] = {
    "registry of another partition": {"everpull:registries": json.dumps([f"333333333333.{_HOST[13:]}", _CHINA])},
    "registry of another partition and a region that is none": {
        "aws:region": "Frankfurt",
        "everpull:registries": json.dumps([_CHINA]),
    },
    "registry of the commercial partition in GovCloud": {
        "aws:region": "us-gov-west-1",
        "everpull:registries": json.dumps([_HOST]),
    },
    "shared repository and owner role of another partition": {
        "everpull:sharedRepositories": json.dumps([f"{_CHINA}/team-a/app"]),
        "everpull:ownerRoles": json.dumps(["arn:aws-cn:iam::123456789012:role/writer"]),
    },
    "cache with a star": {"everpull:pullThroughCaches": json.dumps(["docker-hub/*"])},
    "cache in capitals": {"everpull:pullThroughCaches": json.dumps(["Root"])},
    "cache of one letter": {"everpull:pullThroughCaches": json.dumps(["a"])},
    "cache too long": {"everpull:pullThroughCaches": json.dumps(["a" * 31])},
    "assumed role that is a user": {"everpull:assumeRoles": json.dumps(["arn:aws:iam::222222222222:user/a"])},
    "two assumed roles of an account": {"everpull:assumeRoles": json.dumps([_WRITER, f"{_WRITER}2"])},
    "assumed role with a comma": {"everpull:assumeRoles": '["arn:aws:iam::222222222222:role/a,b"]'},
    "assumed role of an account without a registry": {
        "everpull:registries": json.dumps([f"123456789012.{_HOST[13:]}", f"333333333333.{_HOST[13:]}"]),
        "everpull:assumeRoles": json.dumps([_WRITER]),
    },
    "assumed role of another partition": {
        "everpull:registries": json.dumps([_HOST]),
        "everpull:assumeRoles": json.dumps(["arn:aws-us-gov:iam::222222222222:role/a"]),
    },
    "ECR Public among the registries": {"everpull:registries": json.dumps([_HOST, "public.ecr.aws"])},
    "ECR Public shared": {"everpull:sharedRepositories": json.dumps(["public.ecr.aws/team-a/app"])},
    "ECR Public in another partition": {"aws:region": "us-gov-west-1", "everpull:ecrPublic": "true"},
    "ECR Public neither yes nor no": {"everpull:ecrPublic": "public.ecr.aws"},
    "image to verify without a registry": {"everpull:verifyImages": json.dumps(["team-a/app"])},
    "image to verify of another host": {"everpull:verifyImages": json.dumps(["ghcr.example/team-a/app:1"])},
    "image to verify without tag or digest": {"everpull:verifyImages": json.dumps([f"{_HOST}/team-a/app"])},
    "image to verify with a bad tag": {"everpull:verifyImages": json.dumps([f"{_HOST}/team-a/app:-1"])},
    "image to verify with tag and digest": {"everpull:verifyImages": json.dumps([f"{_HOST}/team-a/app:1@{DIGEST}"])},
    "image to verify in a registry that is not configured": {
        "everpull:registries": json.dumps([_HOST]),
        "everpull:verifyImages": json.dumps([f"{_HOST}/a:1", f"333333333333.{_HOST[13:]}/team-a/app:1"]),
    },
    "image to verify in ECR Public without a login": {
        "everpull:registries": json.dumps([_HOST]),
        "everpull:verifyImages": json.dumps(["public.ecr.aws/team-a/app:1"]),
    },
    "auto beside an image to verify": {"everpull:verifyImages": json.dumps(["auto", f"{_HOST}/team-a/app:1"])},
    "auto with the default repositories": {"everpull:verifyImages": json.dumps(["auto"])},
    "auto with a pattern of repositories": {
        "everpull:repositories": json.dumps(["app", "team-a/*"]),
        "everpull:verifyImages": json.dumps(["auto"]),
    },
    "more registries than a secret in AWS holds": {"everpull:registries": json.dumps(_MANY[:20])},
    "more registries than that with ECR Public": {
        "everpull:registries": json.dumps(_MANY[:14]),
        "everpull:ecrPublic": "true",
    },
    "more registries than a Secret in the cluster holds": {**CRONJOB, "everpull:registries": json.dumps(_MANY)},
    "more images than a function is told of": {
        "everpull:registries": json.dumps(_MANY[:4]),
        "everpull:repositories": json.dumps([f"team-a/app{number}" for number in range(20)]),
        "everpull:verifyImages": json.dumps(["auto"]),
    },
    "more images than a program is told of": {
        **CRONJOB,
        "everpull:registries": json.dumps([_HOST]),
        "everpull:verifyImages": json.dumps([f"{_HOST}/team-a/app:{number}" for number in range(2500)]),
    },
    "assumed role beside node roles alone": {**NODE_ROLE, "everpull:assumeRoles": json.dumps([_WRITER])},
}

OF_KEYS: dict[str, dict[str, str | None]] = {
    "access key of generation zero": {"everpull:accessKeyGeneration": "0"},
    "access key of a generation that is no number": {**CRONJOB, "everpull:accessKeyGeneration": "two"},
    "access key of a negative age": {"everpull:accessKeyMaxAgeDays": "-1"},
    "access key of an age that is no number": {**CRONJOB, "everpull:accessKeyMaxAgeDays": "90d"},
    "access key beside node roles alone": {
        **NODE_ROLE,
        "everpull:accessKeyGeneration": "2",
        "everpull:accessKeyMaxAgeDays": "90",
    },
}

_IRSA = {"everpull:identity": "irsa"}
_ISSUER = "https://oidc.example.com/a"
_POD_IDENTITY = {**CRONJOB, "everpull:identity": "pod-identity"}
OF_IDENTITIES: dict[str, dict[str, str | None]] = {
    "unknown identity near a known one": {**CRONJOB, "everpull:identity": "pod-identities"},
    "unknown identity beside keys of known ones": {
        "everpull:identity": "password",
        "everpull:eksCluster": "main",
        "everpull:accessKeyGeneration": "2",
    },
    "pod identity for ESO": {"everpull:identity": "pod-identity", "everpull:eksCluster": "main"},
    "identity beside node roles alone": {**NODE_ROLE, **_IRSA, "everpull:eksCluster": "main"},
    "access key beside a role": {
        **_IRSA,
        "everpull:eksCluster": "main",
        "everpull:accessKeyGeneration": "2",
        "everpull:accessKeyMaxAgeDays": "90",
    },
    "cluster beside an access key": {**CRONJOB, "everpull:eksCluster": "main", "everpull:createOidcProvider": "true"},
    "cluster beside an access key of mode lambda": {"everpull:eksCluster": "main"},
    "issuer beside a pod identity": {
        **_POD_IDENTITY,
        "everpull:eksCluster": "main",
        "everpull:oidcIssuer": _ISSUER,
        "everpull:createOidcProvider": "true",
    },
    "role without a cluster": _IRSA,
    "role with a cluster and an issuer": {**_IRSA, "everpull:eksCluster": "main", "everpull:oidcIssuer": _ISSUER},
    "pod identity without a cluster": _POD_IDENTITY,
    "cluster that can be none": {**_IRSA, "everpull:eksCluster": "a b"},
    "cluster seen with other credentials": {
        **_IRSA,
        "everpull:eksCluster": "main",
        "aws:assumeRoles": json.dumps([{"roleArn": "a"}]),
    },
    "issuer without TLS": {**_IRSA, "everpull:oidcIssuer": "http://oidc.example.com/a"},
    "issuer with a port": {**_IRSA, "everpull:oidcIssuer": "https://oidc.example.com:6443"},
    "issuer with a query": {**_IRSA, "everpull:oidcIssuer": f"{_ISSUER}?b=c"},
    "issuer too long": {**_IRSA, "everpull:oidcIssuer": f"https://oidc.example.com/{'a' * 232}"},
    "issuer of the cluster's inside": {**_IRSA, "everpull:oidcIssuer": "https://kubernetes.default.svc.cluster.local"},
    "issuer neither to be made nor not": {**_IRSA, "everpull:eksCluster": "a", "everpull:createOidcProvider": "maybe"},
    "path without a slash at its end": {"everpull:iamPath": "/everpull"},
    "path with a pattern": {"everpull:iamPath": "/a*/"},
    "path too long": {"everpull:iamPath": f"/{'a' * 511}/"},
    "boundary by its name": {"everpull:permissionsBoundary": "boundary"},
    "boundary of another partition": {"everpull:permissionsBoundary": "arn:aws-cn:iam::123456789012:policy/a"},
    "path and boundary beside node roles alone": {
        **NODE_ROLE,
        "everpull:iamPath": "/a/",
        "everpull:permissionsBoundary": "arn:aws:iam::123456789012:policy/a",
    },
}

# By the file that holds what they are told.
FILES = {
    "messages.txt": IN_ANY_MODE,
    "messages_modes.txt": OF_MODES,
    "messages_triggers.txt": OF_TRIGGERS,
    "messages_attach.txt": OF_ATTACHING,
    "messages_nodes.txt": OF_NODES,
    "messages_sharing.txt": OF_SHARING,
    "messages_reaching.txt": OF_REACHING,
    "messages_keys.txt": OF_KEYS,
    "messages_identities.txt": OF_IDENTITIES,
    "messages_alarms.txt": OF_ALARMS,
    "messages_scopes.txt": OF_SCOPES,
    "messages_care.txt": OF_CARE,
}
BAD = {name: config for configs in FILES.values() for name, config in configs.items()}
