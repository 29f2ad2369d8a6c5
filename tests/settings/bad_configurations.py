"""Bad configurations and what each is told, whole. `GOOD` is the configuration that each of them breaks."""

import json

GOOD = {"aws:region": "eu-central-1"}

BAD: dict[str, dict[str, str | None]] = {
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
