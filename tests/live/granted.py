"""The inline policy of a principal that a stack made, and what is left of it without one statement."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.driver import aws
from local.state import PlatformState


@dataclass(frozen=True)
class Granted:
    """`principal` is the ARN of a user or role that has one inline policy and no other."""

    state: PlatformState
    principal: str

    @property
    def sids(self) -> set[str]:
        return {statement["Sid"] for statement in self._read()[1]["Statement"]}

    @contextmanager
    def without(self, sid: str) -> Iterator[None]:
        """Takes the statement away for a while."""
        name, document = self._read()
        left = [statement for statement in document["Statement"] if statement["Sid"] != sid]
        assert len(left) == len(document["Statement"]) - 1, f"{self.principal} has no statement {sid}"
        self._write(name, {**document, "Statement": left})
        try:
            yield
        finally:
            self._write(name, document)

    @property
    def _iam(self) -> Any:
        return aws.client(self.state, "iam")

    @property
    def _who(self) -> dict[str, str]:
        name = self.principal.rpartition("/")[2]
        return {"UserName": name} if ":user/" in self.principal else {"RoleName": name}

    def _of(self, action: str) -> Any:
        return getattr(self._iam, action.replace("_", "_user_" if "UserName" in self._who else "_role_", 1))

    def _read(self) -> tuple[str, dict[str, Any]]:
        (name,) = self._of("list_policies")(**self._who)["PolicyNames"]
        return name, self._of("get_policy")(**self._who, PolicyName=name)["PolicyDocument"]

    def _write(self, name: str, document: dict[str, Any]) -> None:
        # A policy of no statements is none that IAM takes.
        if document["Statement"]:
            self._of("put_policy")(**self._who, PolicyName=name, PolicyDocument=json.dumps(document))
        else:
            self._of("delete_policy")(**self._who, PolicyName=name)
