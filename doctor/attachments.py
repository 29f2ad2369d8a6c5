"""Link `attachments`: how pods that name no pull secret come to it."""

from cluster.admission import API, serves_policies
from kube.service_accounts import Entry, holds

from .link import Findings, Link, examine
from .view import View
from .words import counted

NAME = "attachments"


def look(view: View) -> Link:
    """Whether what `everpull:attach` put in place is there still."""
    return examine(NAME, lambda found: _service_accounts(view, found), lambda found: _policy(view, found))


def _service_accounts(view: View, found: Findings) -> None:
    secret, places = view.text("pullSecretName"), view.texts("attachedTo")
    for place in places:
        namespace, _, name = place.partition("/")
        account = view.cluster.document(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
        if account is None:
            found.broken(f"the service account {place} does not exist", view.up)
        elif not holds(account, Entry(namespace, name, secret)):
            found.broken(f"the service account {place} does not list the pull secret {secret} any more", view.up)
    if places:
        found.see(f"{counted(len(places), 'service account')} with the pull secret")
    elif not view.text("attachedBy"):
        found.see("none: pods name the pull secret themselves")


def _policy(view: View, found: Findings) -> None:
    name = view.text("attachedBy")
    if not name:
        return
    if not serves_policies(view.cluster):
        found.broken("the cluster does not know MutatingAdmissionPolicy any more", view.kubectl("version"))
        return
    needed = {f"MutatingAdmissionPolicy {name}": f"{API}/mutatingadmissionpolicies/{name}"}
    if view.texts("namespaces"):
        needed[f"MutatingAdmissionPolicyBinding {name}.listed"] = f"{API}/mutatingadmissionpolicybindings/{name}.listed"
    if view.text("namespaceSelector"):
        binding = f"{name}.labelled"
        needed[f"MutatingAdmissionPolicyBinding {binding}"] = f"{API}/mutatingadmissionpolicybindings/{binding}"
    for what, path in needed.items():
        if view.cluster.metadata(path) is None:
            found.broken(f"the {what}, which gives new pods the pull secret, does not exist", view.up)
    found.see(f"by the policy {name}")
