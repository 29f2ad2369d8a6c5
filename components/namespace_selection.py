"""Namespaces by their names, in label selectors."""

from collections.abc import Mapping, Sequence
from typing import Any

# Kubernetes puts every namespace's name into this label (Kubernetes docs, Namespaces, Automatic labelling).
_NAME_LABEL = "kubernetes.io/metadata.name"


def by_name(operator: str, namespaces: Sequence[str]) -> dict[str, Any]:
    """The requirement that a namespace is (`In`) or is not (`NotIn`) one of those."""
    return {"key": _NAME_LABEL, "operator": operator, "values": list(namespaces)}


def less(selector: Mapping[str, Any], namespaces: Sequence[str]) -> dict[str, Any]:
    """The LabelSelector object without those namespaces."""
    if not namespaces:
        return dict(selector)
    return {**selector, "matchExpressions": [*selector.get("matchExpressions", []), by_name("NotIn", namespaces)]}
