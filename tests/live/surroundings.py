"""What the pages take for granted, by the names that they use: things in AWS and in the cluster that are not everpull's."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from lightkube import Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apiextensions_v1 import (
    CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion,
    CustomResourceValidation,
    JSONSchemaProps,
)
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Secret

from local.demo.chain import EXTERNAL_SECRET, SECRET_STORE
from local.driver import aws, workloads
from local.state import PlatformState

OWNER = "222222222222"
DOCKER_CONFIG = json.dumps({"auths": {"registry.example": {"auth": "dXNlcjpwYXNz"}}})
_IAM = Path(__file__).parents[2] / "docs" / "iam"


def account_of(state: PlatformState) -> dict[str, str]:
    """Everybody in the platform's account, as a principal."""
    return {"AWS": f"arn:aws:iam::{state.account}:root"}


@contextmanager
def role(
    state: PlatformState, name: str, principal: Mapping[str, str], *, account: str | None = None, rights: str = ""
) -> Iterator[str]:
    """The ARN of an IAM role that `principal` may assume, with an inline policy of `rights` if there are any."""
    iam = aws.client(state, "iam", account=account)
    trust = {"Effect": "Allow", "Principal": dict(principal), "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if rights:
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=rights)
    try:
        yield arn
    finally:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)


@contextmanager
def boundary(state: PlatformState, name: str, actions: Sequence[str]) -> Iterator[str]:
    """The ARN of a policy by which nobody may do anything but `actions`."""
    iam = aws.client(state, "iam")
    allowed = {"Effect": "Allow", "Action": [*actions], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    try:
        yield arn
    finally:
        iam.delete_policy(PolicyArn=arn)


@contextmanager
def nodes(state: PlatformState) -> Iterator[None]:
    """An EKS cluster `main` whose nodes have the role `main-nodes`, and a role `karpenter-main`."""
    ec2 = {"Service": "ec2.amazonaws.com"}
    eks = aws.client(state, "eks")
    with role(state, "main-nodes", ec2) as nodes_role, role(state, "karpenter-main", ec2):
        with role(state, "main-cluster", {"Service": "eks.amazonaws.com"}) as cluster_role:
            eks.create_cluster(name="main", roleArn=cluster_role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        eks.create_nodegroup(clusterName="main", nodegroupName="a", subnets=["subnet-1"], nodeRole=nodes_role)
        try:
            yield
        finally:
            eks.delete_nodegroup(clusterName="main", nodegroupName="a")
            eks.delete_cluster(name="main")


@contextmanager
def owner(state: PlatformState, repository: str, writer: str) -> Iterator[Any]:
    """Another account's ECR, with a repository, and a role `writer` that may write its policy as docs/iam says."""
    text = (_IAM / "owner.json").read_text(encoding="utf-8").replace("REGION", state.region).replace("OWNER", OWNER)
    ecr = aws.client(state, "ecr", account=OWNER)
    rights = text.replace("REPOSITORY", repository)
    with role(state, writer, account_of(state), account=OWNER, rights=rights):
        ecr.create_repository(repositoryName=repository)
        try:
            yield ecr
        finally:
            ecr.delete_repository(repositoryName=repository, force=True)


@contextmanager
def kind(kube: Client, group: str, version: str, name: str) -> Iterator[Any]:
    """A kind of somebody else's that the cluster serves: a class for lightkube."""
    plural = f"{name.lower()}s" if not name.endswith("s") else f"{name.lower()}es"
    loose = JSONSchemaProps(type="object", x_kubernetes_preserve_unknown_fields=True)
    served = CustomResourceDefinitionVersion(
        name=version, served=True, storage=True, schema=CustomResourceValidation(openAPIV3Schema=loose)
    )
    names = CustomResourceDefinitionNames(kind=name, plural=plural, singular=name.lower())
    spec = CustomResourceDefinitionSpec(group=group, names=names, scope="Namespaced", versions=[served])
    resource = create_namespaced_resource(group, version, name, plural)
    kube.create(CustomResourceDefinition(metadata=ObjectMeta(name=f"{plural}.{group}"), spec=spec))
    try:
        workloads.wait_until(lambda: _is_served(kube, resource), f"{name} is served")
        yield resource
    finally:
        kube.delete(CustomResourceDefinition, f"{plural}.{group}")


def _is_served(kube: Client, resource: Any) -> bool:
    try:
        list(kube.list(resource, namespace="default"))
    except httpx2.HTTPStatusError:
        return False
    return True


def pull_secret(name: str, namespace: str) -> Secret:
    """Somebody else's."""
    return Secret(
        metadata=ObjectMeta(name=name, namespace=namespace),
        type="kubernetes.io/dockerconfigjson",
        stringData={".dockerconfigjson": DOCKER_CONFIG},
    )


def deployment(name: str, namespace: str, *, replicas: int) -> Deployment:
    """Somebody's, whose image is nowhere."""
    labels = {"app": name}
    pod = PodSpec(containers=[Container(name="main", image="none.invalid/none")])
    spec = DeploymentSpec(
        replicas=replicas,
        selector=LabelSelector(matchLabels=labels),
        template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod),
    )
    return Deployment(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)


def secret_store(name: str, namespace: str) -> Any:
    """One of Secrets Manager's that has no credentials."""
    aws_provider = {"service": "SecretsManager", "region": "eu-central-1"}
    return SECRET_STORE(metadata=ObjectMeta(name=name, namespace=namespace), spec={"provider": {"aws": aws_provider}})


def external_secret(name: str, namespace: str, store: str) -> Any:
    """One that asks that store for a secret of its own name."""
    data = [{"secretKey": "login", "remoteRef": {"key": name}}]
    spec = {"secretStoreRef": {"name": store, "kind": "SecretStore"}, "target": {"name": f"{name}-made"}, "data": data}
    return EXTERNAL_SECRET(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)


@contextmanager
def renewed_by_hand(state: PlatformState, name: str) -> Iterator[None]:
    """A function, a rule that runs it, and a secret, all of that name. What is left of them at last goes."""
    secrets, functions, events = (aws.client(state, service) for service in ("secretsmanager", "lambda", "events"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): pass\n")
    with role(state, f"{name}-function", {"Service": "lambda.amazonaws.com"}) as arn:
        secrets.create_secret(Name=name, SecretString="{}")
        function = functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=arn,
            Handler="main.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        events.put_rule(Name=name, ScheduleExpression="rate(6 hours)", State="DISABLED")
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function["FunctionArn"]}])
        try:
            yield
        finally:
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
