"""Pods whose service account has an EKS pod identity association are told where their credentials are, and given a token.

On EKS a webhook does it (EKS User Guide, "How EKS Pod Identity works"); here an admission policy, by a list of the
associations that the agent keeps. A pod that is made before its association is on the list gets nothing, as there.
"""

from collections.abc import Iterable
from typing import Any

from local.aws.eks_rules import LOCAL_CLUSTER, PODS
from local.cluster.api import Api, path_of
from local.ports import LOOPBACK
from local.state import PlatformState

# What the platform's own cluster is called in EKS, once somebody makes it there.
CLUSTER = LOCAL_CLUSTER
NAME = "local-platform.everpull.pod-identity"
_NAMESPACE = "kube-system"
_GROUP = "admissionregistration.k8s.io/v1"
_VOLUME = "eks-pod-identity-token"
_FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
_TOKEN_SECONDS = 86400
_LISTED = "(object.metadata.namespace + '.' + object.spec.?serviceAccountName.orValue('default')) in {data}"
_VOLUME_OF_IT = f"""
{{
  'name': dyn('{_VOLUME}'),
  'projected': dyn({{
    'sources': [{{
      'serviceAccountToken': {{
        'audience': dyn('{PODS}'), 'expirationSeconds': dyn({_TOKEN_SECONDS}), 'path': dyn('{_VOLUME}')
      }}
    }}]
  }})
}}
"""
# As a patch, because a list of sources is one value to ApplyConfiguration, which may not set it.
_TOKEN = f"""
has(object.spec.volumes)
  ? [JSONPatch{{op: 'add', path: '/spec/volumes/-', value: {_VOLUME_OF_IT.strip()}}}]
  : [JSONPatch{{op: 'add', path: '/spec/volumes', value: [{_VOLUME_OF_IT.strip()}]}}]
"""
_CONTAINERS = """
Object{{
  spec: Object.spec{{
    {field}: object.spec.?{field}.orValue([]).map(container, Object.spec.{field}{{
      name: container.name,
      volumeMounts: [Object.spec.{field}.volumeMounts{{name: '{volume}', mountPath: '{folder}', readOnly: true}}],
      env: [
        Object.spec.{field}.env{{name: 'AWS_CONTAINER_CREDENTIALS_FULL_URI', value: '{address}'}},
        Object.spec.{field}.env{{name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', value: '{folder}/{volume}'}}
      ]
    }})
  }}
}}
"""


def associations(found: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The list, a ConfigMap with a key for each namespace and service account."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": _NAMESPACE},
        # No namespace has a dot in its name.
        "data": {f"{namespace}.{name}": "" for namespace, name in sorted(found)},
    }


def manifests(state: PlatformState) -> list[dict[str, Any]]:
    """The policy, then its binding."""
    address = f"http://{LOOPBACK}:{state.ports['pod-identity']}/v1/credentials"
    expressions = [
        _CONTAINERS.format(field=field, volume=_VOLUME, folder=_FOLDER, address=address)
        for field in ("containers", "initContainers")
    ]
    policy = {
        "apiVersion": _GROUP,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                ],
            },
            "matchConditions": [{"name": "associated", "expression": _LISTED.format(data="params.?data.orValue({})")}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {"patchType": "JSONPatch", "jsonPatch": {"expression": _TOKEN.strip()}},
                *(
                    {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression.strip()}}
                    for expression in expressions
                ),
            ],
        },
    }
    binding = {
        "apiVersion": _GROUP,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {
            "policyName": NAME,
            "paramRef": {"name": NAME, "namespace": _NAMESPACE, "parameterNotFoundAction": "Allow"},
        },
    }
    return [policy, binding]


def ensure(api: Api, state: PlatformState) -> str:
    """Apply policy and binding; gives "applied" or "kept". Raises ApiError."""
    wanted = manifests(state)
    before = [api.get(path_of(manifest)) for manifest in wanted]
    after = [api.apply(path_of(manifest), manifest) for manifest in wanted]
    return "kept" if after == before else "applied"
