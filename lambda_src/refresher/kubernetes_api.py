"""Pull secrets in the namespaces of a Kubernetes cluster: a LoginSink with a place in each."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from .core import Held, Renewal
from .errors import ApiCallError, RefreshError, SecretRefusedError
from .kubernetes_errors import Asked, failure, is_terminating
from .kubernetes_http import Answer, KubernetesHttp
from .kubernetes_listing import items
from .ownership import is_controlled, is_ours, owners, refusal
from .ports import Outcome, Place
from .pull_secret import EDITED, held_in, manifest
from .shapes import Object, mapping
from .targets import Owner, Selector, Target, Targets
from .workers import Workers

# One field manager for all that the CronJob writes; force takes over fields that another one has written, such as ESO's
# (Kubernetes API concepts, Server-Side Apply, Conflicts). Unless told to ignore fields that it doesn't know, the API server
# parses the YAML a second time to find them.
_APPLY = "?fieldManager=everpull&force=true&fieldValidation=Ignore"
_APPLY_TYPE = "application/apply-patch+yaml"
# Answers without data: for a list of namespaces, and so that a login does not travel back from where it was written
# (Kubernetes API concepts, Metadata-only fetches).
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# Requests in flight. On a cluster far away they hide the distance, and none of them is noticed by an API server.
AT_ONCE = 8
# Secrets that may have been read and wait to be written: bounds what a run over thousands of namespaces holds in memory.
_AHEAD = 250
# How often a Secret is written that somebody else changes between our read and our write.
_ATTEMPTS = 3
_TERMINATING = "the namespace is being deleted"
_MISSING = "the namespace is listed and was not there at deploy time: make it, and `pulumi up` serves it"
# Stands for the place of what concerns no single namespace.
_EVERYWHERE = "(all namespaces)"


@dataclass(frozen=True)
class SecretPlace(Place):
    """The Secret in one namespace. `version` is the resourceVersion it was read at, None if there was none."""

    target: Target = field(kw_only=True)
    version: str | None = None


@dataclass(frozen=True)
class _Left:
    """A Secret of ours in a namespace that is no longer selected."""

    namespace: str
    uid: str
    version: str


class PullSecrets:
    """A LoginSink on the Secret of one name in many namespaces.

    Namespaces that are listed are read one by one, so that the right to read one name in each of them is enough. With a
    selector, one list over all namespaces brings the Secrets of that name, and with them those that are to go.
    Must be closed.
    """

    def __init__(self, http: KubernetesHttp, targets: Targets) -> None:
        self._http = http
        self._targets = targets
        self._left: dict[str, _Left] = {}
        self._workers = Workers(AT_ONCE, _AHEAD)

    def close(self) -> None:
        """Ends the threads, once what they have begun is done."""
        self._workers.close()

    def read(self) -> Iterator[SecretPlace | Outcome]:
        selector = self._targets.selector
        if selector is None:
            yield from self._missing({})
            yield from self._workers.each(self._get, self._targets.namespaces)
        else:
            yield from self._read_selected(selector)

    def write(self, renewals: Iterable[tuple[SecretPlace, Renewal]]) -> Iterator[Outcome]:
        yield from self._workers.each(self._write, renewals)

    def retire(self) -> Iterator[Outcome]:
        """Takes our Secret out of the namespaces that the last `read` found to have left the selection."""
        selector = self._targets.selector
        if selector is None or not self._left:
            return
        try:
            # Asked again: another run may have served a namespace that was labelled since.
            selected = self._selected(selector)
        except RefreshError as reason:
            yield Outcome(_EVERYWHERE, "failed", failure=reason)
            return
        left = [secret for secret in self._left.values() if secret.namespace not in selected]
        yield from self._workers.each(lambda secret: self._delete(secret, selector), left)

    def _read_selected(self, selector: Selector) -> Iterator[SecretPlace | Outcome]:
        wanted = {target.namespace: target for target in self._targets.namespaces}
        try:
            selected = self._selected(selector)
        except RefreshError as reason:
            yield Outcome(_EVERYWHERE, "failed", failure=reason)
            yield from self._missing({})
            yield from self._workers.each(self._get, wanted.values())
            return
        yield from self._missing(selected)
        for namespace, terminating in selected.items():
            if terminating:
                wanted.pop(namespace, None)
                yield Outcome(namespace, "left out", note=_TERMINATING)
            else:
                wanted.setdefault(namespace, Target(namespace, selector.owner))
        unseen = dict(wanted)
        try:
            for namespace, secret in self._listed(selector):
                if namespace in unseen:
                    yield self._judge(unseen.pop(namespace), secret)
                elif namespace not in wanted and namespace not in selected:
                    self._note_left(namespace, secret, selector)
        except RefreshError as reason:
            # Those of the namespaces may be read one by one all the same.
            yield Outcome(_EVERYWHERE, "failed", failure=reason)
            yield from self._workers.each(self._get, unseen.values())
            return
        for target in unseen.values():
            yield self._judge(target, None)

    def _missing(self, selected: Collection[str]) -> Iterator[Outcome]:
        """Listed namespaces that were not there at deploy time. One that the selector means is served by its labels since."""
        for namespace in self._targets.missing:
            if namespace not in selected:
                yield Outcome(namespace, "left out", note=_MISSING)

    def _selected(self, selector: Selector) -> dict[str, bool]:
        """The namespaces that the selector means, and whether each is being deleted. Raises RefreshError."""
        asked = Asked("list", "namespaces", "", _grant(selector.owner), everywhere=True)
        query = {"labelSelector": selector.labels}
        found: dict[str, bool] = {}
        for namespace in items(self._http, "/api/v1/namespaces", query, asked, _METADATA_LIST):
            metadata = mapping(namespace.get("metadata"))
            name = str(metadata.get("name"))
            if name not in selector.excluded:
                found[name] = metadata.get("deletionTimestamp") is not None
        return found

    def _listed(self, selector: Selector) -> Iterator[tuple[str, Object]]:
        """Every Secret of our name with its namespace. Raises RefreshError.

        The field selector is what makes a right on one name enough for a list (Kubernetes docs, Using RBAC Authorization,
        Referring to resources).
        """
        name = self._targets.secret_name
        asked = Asked("list", "secrets", name, _grant(selector.owner), everywhere=True)
        for secret in items(self._http, "/api/v1/secrets", {"fieldSelector": f"metadata.name={name}"}, asked):
            yield str(mapping(secret.get("metadata")).get("namespace")), secret

    def _note_left(self, namespace: str, secret: Object, selector: Selector) -> None:
        # One that a controller keeps too goes when that lets it go.
        given = selector.owner.uid in [owner.get("uid") for owner in owners(secret)]
        if given and is_ours(secret, self._targets.labels) and not is_controlled(secret):
            metadata = mapping(secret.get("metadata"))
            uid, version = str(metadata.get("uid")), str(metadata.get("resourceVersion"))
            self._left[namespace] = _Left(namespace, uid, version)

    def _get(self, target: Target) -> SecretPlace | Outcome:
        """The Secret as the API server has it in memory, which spares its store a read of each.

        That may be older than the truth (Kubernetes API concepts, Semantics for get and list). What is decided on it is safe
        all the same: a write names the version that was read, and one that would make a Secret is preceded by a look that
        is not from memory.
        """
        place = self._look(target, "?resourceVersion=0")
        unseen = isinstance(place, SecretPlace) and place.version is None
        return self._look(target) if unseen else place

    def _look(self, target: Target, query: str = "") -> SecretPlace | Outcome:
        try:
            answer = self._http.request("GET", self._path(target.namespace) + query)
            if answer.status == 404:
                return self._judge(target, None)
            if answer.status != 200:
                raise failure(self._asked("get", target), answer.status, answer.body)
            if answer.body.get("kind") != "Secret":
                raise ApiCallError(f"the API server's answer when asked to {self._asked('get', target)} is no Secret")
        except RefreshError as reason:
            return Outcome(target.namespace, "failed", failure=reason)
        return self._judge(target, answer.body)

    def _judge(self, target: Target, secret: Object | None) -> SecretPlace | Outcome:
        if secret is None:
            return SecretPlace(target.namespace, Held(), target=target)
        refused = refusal(secret, self._targets.labels, adopt=self._targets.adopt)
        if refused:
            return Outcome(target.namespace, "failed", failure=SecretRefusedError(refused))
        held = held_in(secret, self._targets.labels, target.owner)
        replaces = held.flaw if held.flaw == EDITED else None
        if not is_ours(secret, self._targets.labels):
            replaces = "a Secret that was not everpull's, which everpull:adopt allows"
        version = str(mapping(secret.get("metadata")).get("resourceVersion"))
        return SecretPlace(target.namespace, held, replaces, target=target, version=version)

    def _write(self, renewed: tuple[SecretPlace, Renewal]) -> Outcome:
        place, renewal = renewed
        try:
            answer = self._apply(place, renewal)
            for _ in range(_ATTEMPTS - 1):
                if answer.status != 409:
                    break
                # Somebody changed it since: it may be another's now, so it is judged again.
                again = self._look(place.target)
                if isinstance(again, Outcome):
                    return again
                place = again
                answer = self._apply(place, renewal)
            if answer.status not in (200, 201):
                if is_terminating(answer.body):
                    return Outcome(place.name, "left out", note=_TERMINATING)
                raise failure(self._asked("patch", place.target), answer.status, answer.body)
            if not answer.body:
                raise ApiCallError(
                    f"the API server's answer when asked to {self._asked('patch', place.target)} is no object"
                )
        except RefreshError as reason:
            return Outcome(place.name, "failed", place.held.expires_at, reason)
        return Outcome(place.name, "refreshed", renewal.expires_at, note=place.replaces)

    def _apply(self, place: SecretPlace, renewal: Renewal) -> Answer:
        name, labels, target = self._targets.secret_name, self._targets.labels, place.target
        body = manifest(target.namespace, name, labels, target.owner, renewal, place.version)
        return self._http.request(
            "PATCH",
            self._path(target.namespace) + _APPLY,
            body=body,
            content_type=_APPLY_TYPE,
            accept=_METADATA_ONLY,
        )

    def _delete(self, secret: _Left, selector: Selector) -> Outcome:
        # Only the very object that was judged (Kubernetes API reference, DeleteOptions, Preconditions).
        conditions = {"uid": secret.uid, "resourceVersion": secret.version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions}
        try:
            answer = self._http.request("DELETE", self._path(secret.namespace), body=body)
            if answer.status == 409:
                return Outcome(secret.namespace, "left out", note="the Secret to be removed was changed just now")
            if answer.status not in (200, 202, 404):
                asked = Asked("delete", "secrets", self._targets.secret_name, _grant(selector.owner), everywhere=True)
                raise failure(asked, answer.status, answer.body)
        except RefreshError as reason:
            return Outcome(secret.namespace, "failed", failure=reason)
        return Outcome(secret.namespace, "removed")

    def _path(self, namespace: str) -> str:
        return f"/api/v1/namespaces/{namespace}/secrets/{self._targets.secret_name}"

    def _asked(self, verb: str, target: Target) -> Asked:
        return Asked(verb, "secrets", self._targets.secret_name, _grant(target.owner))


def _grant(owner: Owner) -> str:
    return f"{owner.kind} {owner.name}"
