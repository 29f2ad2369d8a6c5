"""What every pod of this cluster is given so that objects made for any cluster run here unchanged.

There is no pod network, so each pod gets the host's; and each container is told where AWS is, because nothing here
answers by AWS's own names without a proxy. A MutatingAdmissionPolicy does it (Kubernetes 1.36,
admissionregistration.k8s.io/v1).
"""

from typing import Any

from local.cluster.api import Api, path_of
from local.cluster.operator import wait
from local.ports import api_address
from local.state import PlatformState
from local.tunnel.routes import proxy_variables

NAME = "local-platform.everpull"
_GROUP = "admissionregistration.k8s.io/v1"
# Levels that refuse the host's network (pod security standards, "Host Namespaces"). In such a namespace no pod can run
# here; left as it is, a pod can still be judged there.
_REFUSING = ["baseline", "restricted"]
# Containers of which the field is missing, of which there are none, or with a variable of that name keep what they have.
_CONTAINERS = """
Object{{
  spec: Object.spec{{
    {field}: object.spec.?{field}.orValue([]).map(container, Object.spec.{field}{{
      name: container.name,
      env: variables.environment
        .filter(wanted, !container.?env.orValue([]).exists(present, present.name == wanted.name))
        .map(wanted, Object.spec.{field}.env{{name: wanted.name, value: wanted.value}})
    }})
  }}
}}
"""


def manifests(state: PlatformState) -> list[dict[str, Any]]:
    """The policy, then its binding."""
    variables = ", ".join(f"{{'name': '{name}', 'value': '{value}'}}" for name, value in environment(state).items())
    expressions = [
        "Object{spec: Object.spec{hostNetwork: true}}",
        *(_CONTAINERS.format(field=field) for field in ("containers", "initContainers")),
    ]
    policy = {
        "apiVersion": _GROUP,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {
                    "matchExpressions": [
                        {"key": "pod-security.kubernetes.io/enforce", "operator": "NotIn", "values": _REFUSING}
                    ]
                },
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                ],
            },
            # A pod that is let through as it was would wait for a network that never comes.
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "variables": [{"name": "environment", "expression": f"[{variables}]"}],
            "mutations": [
                {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression.strip()}}
                for expression in expressions
            ],
        },
    }
    binding = {
        "apiVersion": _GROUP,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME},
    }
    return [policy, binding]


def environment(state: PlatformState) -> dict[str, str]:
    """The variables that every container gets."""
    # The second: no pod may fall back to the machine's own cloud role, which the host's network leads to.
    direct = {"AWS_ENDPOINT_URL": state.aws_endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
    return {**direct, **proxy_variables(state.https_proxy, api_address(state.network))}


def ensure(api: Api, state: PlatformState) -> str:
    """Apply policy and binding and wait until pods get what they say; gives "applied" or "kept".

    Raises:
        ApiError: the API server refused them.
        operator.OperatorError: pods don't get it; the text says what a pod got, or why it was refused.
    """
    wanted = manifests(state)
    before = [api.get(path_of(manifest)) for manifest in wanted]
    after = [api.apply(path_of(manifest), manifest) for manifest in wanted]
    # The API server reads its policies a moment later, and its controllers make the account of pods in their own time.
    wait(lambda: not_in_force(api, state))
    return "kept" if after == before else "applied"


def not_in_force(api: Api, state: PlatformState) -> str | None:
    """None when a pod, asked for in a dry run, gets what it must, else what it got. Raises ApiError."""
    container = {"name": "probe", "image": "probe"}
    pod = {
        "metadata": {"generateName": "everpull-probe-", "namespace": "default"},
        "spec": {"initContainers": [{**container, "name": "first"}], "containers": [container]},
    }
    spec = api.request("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)["spec"]
    found = [
        {entry["name"]: entry.get("value") for entry in container.get("env", [])}
        for container in (*spec["initContainers"], *spec["containers"])
    ]
    if spec.get("hostNetwork") and all(variables.items() >= environment(state).items() for variables in found):
        return None
    told = " and ".join(map(str, found))
    return f"pods get hostNetwork {spec.get('hostNetwork', False)} and their containers the variables {told}"
