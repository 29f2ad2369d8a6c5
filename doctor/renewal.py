"""What a renewal did, step by step and namespace by namespace."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lambda_src.refresher.patience import Time


@dataclass
class Renewal:
    """Steps as they are taken, each told at once by `tell`. `failed` are the places that were not served, and why."""

    tell: Callable[[str], None]
    passing: Time
    served: list[str] = field(default_factory=list[str])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    broken: list[str] = field(default_factory=list[str])

    def done(self, sentence: str) -> None:
        """A step that went well."""
        self.tell(f"ok      {sentence}")

    def broke(self, sentence: str) -> None:
        """A step that did not; what comes after it is tried all the same."""
        self.broken.append(sentence)
        self.tell(f"FAILED  {sentence}")

    def serve(self, namespace: str) -> None:
        """The namespace holds the login that was meant."""
        self.served.append(namespace)
        self.tell(f"served  {namespace}")

    def miss(self, namespace: str, reason: str) -> None:
        """It doesn't."""
        self.failed[namespace] = reason
        self.tell(f"FAILED  {namespace}: {reason}")

    @property
    def is_whole(self) -> bool:
        """Whether every step and every namespace went well."""
        return not self.broken and not self.failed
