"""How AWS words a denial, and what that says about the policy to change. Pure.

IAM User Guide, "Troubleshoot access denied error messages": `User: PRINCIPAL is not authorized to perform: ACTION on resource:
RESOURCE because no KIND allows the ACTION action`, or `with an explicit deny in a KIND` at its end. Which KIND it is (such as
identity-based policy, resource-based policy, role trust policy) may be left out.
"""

import re
from dataclasses import dataclass

_TEXT = re.compile(
    r"User: (?P<principal>arn:[\w:/+=,.@-]+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>[\w:/+=,.@*-]+))?"
    r"(?:[^.]*?(?P<deny>with an explicit deny in (?:an?|the) [\w -]+)|[^.]*?because no (?P<lacking>[\w -]{1,50}?) allows)?"
)
_ASSUME_ROLE = "sts:AssumeRole"


@dataclass(frozen=True)
class Denial:
    """Who was denied which action on what. `deny` are the words on an explicit deny, `lacking` the kind that allows nothing."""

    principal: str
    action: str
    resource: str | None
    deny: str | None
    lacking: str | None

    @property
    def is_across_accounts(self) -> bool:
        """Whether principal and resource are known to be of two accounts, so that a policy of each must allow the action."""
        account = _account(self.resource or "")
        return account != "" and account != _account(self.principal)

    @property
    def fix(self) -> str:
        """What must be changed for the action to be allowed."""
        if self.deny:
            return f"the deny must go ({self.deny})"
        if self.lacking == "resource-based policy":
            return f"allow that principal {self.action} in the policy of {self.resource or 'the resource'}"
        if self.lacking == "role trust policy":
            return "name that principal in the role's trust policy"
        if self.lacking not in (None, "identity-based policy"):
            return f"allow {self.action} in the {self.lacking} too"
        own = f"allow {self.action} in that principal's policy"
        if self.lacking:
            return own
        if self.action == _ASSUME_ROLE:
            return (
                f"{own} and name that principal in the role's trust policy; a role that does not exist is refused alike"
            )
        if self.is_across_accounts:
            return f"{own} and, to that principal, in the policy of {self.resource}"
        return own


def parse_denial(text: str) -> Denial | None:
    """The denial that the text tells of, if it does."""
    said = _TEXT.search(text)
    return Denial(**said.groupdict()) if said else None


def _account(arn: str) -> str:
    """The account in an ARN, empty if there is none."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""
