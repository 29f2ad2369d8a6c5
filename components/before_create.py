"""What the engine asks the program before it makes a resource; it alone knows what its state has already."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pulumi

Ask = Callable[[str], Awaitable[None] | None]
"""Called with what the resource is about; what it raises refuses the resource."""


def before_create(
    name: str, ask: Ask | None, about: Callable[[Mapping[str, Any]], object], *, at_preview: bool = False
) -> pulumi.ResourceHookBinding | None:
    """The `hooks` of a resource that has `ask` called before it is made; None where there is nothing to ask.

    `about` gives of the resource's inputs what `ask` is called with. It is not called where that is not known yet.
    """
    if ask is None:
        return None

    async def asked(made: pulumi.ResourceHookArgs) -> None:
        subject = about(made.new_inputs or {})
        if isinstance(subject, str) and (answer := ask(subject)):
            await answer

    hook = pulumi.ResourceHook(f"{name}-before", asked, pulumi.ResourceHookOptions(on_dry_run=at_preview))
    return pulumi.ResourceHookBinding(before_create=[hook])


def place(inputs: Mapping[str, Any]) -> str:
    """`NAMESPACE/NAME` of a Kubernetes object that is to be made."""
    metadata = inputs["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"
