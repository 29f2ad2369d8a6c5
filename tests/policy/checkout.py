"""The program as somebody has it checked out, run by the real engine against the AWS stand-in. No cluster is in reach."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.local_aws.platform import ADMIN, REGION, ROOT, Stand, allow, docker_registry
from tests.local_providers.aws.engine import PASSPHRASE, tools

STACK = "dev"


@contextmanager
def furnished(folder: Path) -> Iterator[Stand]:
    """An AWS with what the combinations name: an EKS cluster, a node role, a boundary and a repository."""
    with docker_registry(folder / "registry") as backend:
        stand = Stand(folder / "stand", backend)
        stand.start()
        iam = stand.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="nodes", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(allow("ecr:*")))
        stand.client("eks").create_cluster(name="main", roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        stand.client("ecr").create_repository(repositoryName="team-a/app")
        yield stand
        stand.stop()


class Checkout:
    """A folder with links to all that is in the repository, and one stack, with a state of its own."""

    def __init__(self, folder: Path, stand: Stand) -> None:
        self.folder = folder / "checkout"
        self.folder.mkdir()
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in sorted({path.split("/")[0] for path in listed.stdout.splitlines()} | {".venv"}):
            if not name.startswith("Pulumi."):
                (self.folder / name).symlink_to(ROOT / name)
        shutil.copy(ROOT / "Pulumi.yaml", self.folder)
        for name in ("home", "state", "bin"):
            (folder / name).mkdir()
        for name in ("aws", "kubernetes"):
            wrapper = folder / "bin" / f"pulumi-resource-{name}"
            wrapper.write_text(
                f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m local.providers.{name} "$@"\n'
            )
            wrapper.chmod(0o755)
        first = [str(Path(sys.executable).parent), str(folder / "bin"), str(tools())]
        self.environment = {
            "PATH": os.pathsep.join([*first, "/usr/bin", "/bin"]),
            "HOME": str(folder / "home"),
            "KUBECONFIG": str(folder / "none"),
            "AWS_ENDPOINT_URL": stand.endpoint,
            "AWS_ACCESS_KEY_ID": ADMIN[0],
            "AWS_SECRET_ACCESS_KEY": ADMIN[1],
            "AWS_REGION": REGION,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self.pulumi("stack", "init", STACK)

    def configure(self, keys: Mapping[str, Any]) -> None:
        """Replaces the stack's keys, given without their namespace."""
        file = self.folder / f"Pulumi.{STACK}.yaml"
        kept = yaml.safe_load(file.read_text()) if file.exists() else {}
        given = {"aws:region": REGION, **{f"everpull:{key}": value for key, value in keys.items()}}
        file.write_text(yaml.safe_dump({**(kept or {}), "config": given}))

    def program(self, text: str) -> None:
        """Another program than the repository's."""
        (self.folder / "__main__.py").unlink()
        (self.folder / "__main__.py").write_text(text)

    def pulumi(self, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """One command; fails the test when its exit status isn't what was expected."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def preview(self) -> str:
        """What `pulumi preview --json` says of the whole stack."""
        return self.pulumi("preview", "--json", "--show-sames", "--stack", STACK).stdout
