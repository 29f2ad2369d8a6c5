"""How pods come to use the pull secret: `everpull:attach` and the service accounts that go with it."""

from collections.abc import Sequence

from .reader import Reader
from .refused import Refused
from .selectors import Selector
from .values import SUBDOMAIN, namespace, strings


def service_accounts(raw: str) -> tuple[str, ...]:
    """NAME or NAMESPACE/NAME. A service account's name is an RFC 1123 subdomain (Kubernetes docs, Object Names and IDs)."""
    return tuple(_service_account(item) for item in strings(raw))


def _service_account(item: str) -> str:
    place, slash, name = item.rpartition("/")
    if "/" in place or len(name) > 253 or not SUBDOMAIN.fullmatch(name):
        raise Refused(
            f"{item!r} cannot name a service account",
            "NAME or NAMESPACE/NAME, names of at most 253 of a-z, 0-9, '-' and '.', beginning and ending with a letter or "
            "digit",
        )
    return f"{namespace(place)}/{name}" if slash else name


def places(accounts: Sequence[str], namespaces: Sequence[str]) -> tuple[str, ...]:
    """NAMESPACE/NAME of each, once: a bare name stands for that service account in every listed namespace."""
    bare = [f"{namespace}/{name}" for name in accounts if "/" not in name for namespace in namespaces]
    return tuple(dict.fromkeys([*bare, *(name for name in accounts if "/" in name)]))


def refuse_bad_attachments(
    reader: Reader, *, attach: str, accounts: Sequence[str], namespaces: Sequence[str], selector: Selector | None
) -> None:
    """Notes what is wrong between the keys that say how pods use the pull secret."""
    if not reader.sound("attach", "serviceAccounts", "namespaces", "namespaceSelector"):
        return
    if attach != "service-accounts":
        if reader.is_set("serviceAccounts"):
            reader.refuse(
                "serviceAccounts",
                "gives the pull secret to service accounts, which everpull:attach does not say",
                "together with everpull:attach service-accounts",
            )
        return
    if not namespaces and selector is not None:
        reader.refuse(
            "attach",
            "gives the pull secret to service accounts of listed namespaces, and there are none: those that "
            "everpull:namespaceSelector chooses are not known when this is deployed",
            "pods, or listed namespaces",
        )
        return
    if not accounts:
        reader.refuse(
            "serviceAccounts",
            "names no service account, so nothing would use the pull secret",
            "at least one, such as default",
        )
    for name in accounts:
        place = name.rpartition("/")[0]
        if place and place not in namespaces:
            reader.refuse(
                "serviceAccounts",
                f"names {name}, and everpull:namespaces does not list {place}, so no pull secret is put there",
                "service accounts of listed namespaces",
            )
            break
