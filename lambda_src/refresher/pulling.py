"""Whether a registry takes a login, and whether an image can be pulled with it.

An image is asked for as a node asks, but for the layers, of which none is fetched.

Two rights are needed, and each is proved by the one request that needs it: the manifest by ecr:BatchGetImage, the address of a
layer by ecr:GetDownloadUrlForLayer (Amazon ECR User Guide, Private repository policies). HEAD requests prove neither. A
repository of another account must grant both too.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from .denials import parse_denial
from .errors import RegistryUnreachableError
from .images import Image, LoginVerdict, Verdict
from .registries import PUBLIC
from .shapes import Object, mapping, sequence

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
# Platforms of an image that are looked into for one with layers; those of attestations and the like have none to pull.
_MOST_PLATFORMS = 4
# Signatures and attestations that are stored as images.
_NO_IMAGE = "sha256-"
_TAGS_ASKED = 100


@dataclass(frozen=True)
class Answer:
    """Names of headers are in lower case. `body` is empty if it was not asked for."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)


class Http(Protocol):
    """Asks registries."""

    def get(self, url: str, headers: Mapping[str, str], *, body_of_success: bool = True) -> Answer:
        """The answer; a redirect is one and not followed. Raises RegistryUnreachableError.

        Unless it is wanted, the body of an answer that is no refusal is not read.
        """
        ...


def try_pull(http: Http, image: Image, login: tuple[str, str] | None) -> Verdict:
    """What becomes of the image with that user name and password."""
    if login is None:
        return Verdict(image, "refused", f"there is no login for {image.host}")
    try:
        return _Pull(http, image, login).verdict()
    except _Refused as refused:
        return Verdict(image, "refused", str(refused), refused.may_heal)
    except RegistryUnreachableError as failure:
        return Verdict(image, "unreachable", f"{image.host}: {failure}")


def try_login(http: Http, host: str, login: tuple[str, str]) -> LoginVerdict:
    """Whether the registry takes user name and password, asked as `docker login` asks: no right on a repository is needed."""
    headers = {"Authorization": _basic(login)}
    try:
        answer = http.get(_token_address(http, host) if host == PUBLIC.host else f"https://{host}/v2/", headers)
    except RegistryUnreachableError as failure:
        return LoginVerdict(host, "unknown", f"{host}: {failure}")
    if answer.status == 200:
        return LoginVerdict(host, "taken")
    if _is_no_good(answer):
        return LoginVerdict(host, "refused", _no_good(host))
    return LoginVerdict(host, "unknown", f"{host}: it answered {answer.status}")


class _Refused(Exception):
    """The text says why and what to do."""

    def __init__(self, text: str, *, may_heal: bool = False) -> None:
        super().__init__(text)
        self.may_heal = may_heal


class _Pull:
    """One image. Raises _Refused and RegistryUnreachableError wherever it can't go on."""

    def __init__(self, http: Http, image: Image, login: tuple[str, str]) -> None:
        self._http = http
        self._image = image
        basic = _basic(login)
        self._authorization = self._bearer(basic) if image.host == PUBLIC.host else basic

    def verdict(self) -> Verdict:
        reference = self._image.reference or self._any_tag()
        if reference is None:
            return Verdict(self._image, "empty", "the repository has no image with a tag")
        self._ask_for_layer(self._layer(self._manifest(reference)))
        return Verdict(self._image, "pulls")

    def _any_tag(self) -> str | None:
        answer = self._get(f"tags/list?n={_TAGS_ASKED}", "ecr:ListImages")
        tags = [
            tag for tag in sequence(self._object(answer).get("tags")) if isinstance(tag, str) and _TAG.fullmatch(tag)
        ]
        return next((tag for tag in tags if not tag.startswith(_NO_IMAGE)), tags[0] if tags else None)

    def _manifest(self, reference: str) -> Object:
        return self._object(self._get(f"manifests/{reference}", "ecr:BatchGetImage"))

    def _layer(self, manifest: Object) -> str:
        """The digest of something to pull of the image that the manifest, or one that it lists, describes."""
        if digest := _digest_in(manifest):
            return digest
        for child in _platforms(sequence(manifest.get("manifests")))[:_MOST_PLATFORMS]:
            if digest := _digest_in(self._manifest(child)):
                return digest
        raise _Refused("unknown image: what is there under its name has no layers")

    def _ask_for_layer(self, digest: str) -> None:
        self._get(f"blobs/{digest}", "ecr:GetDownloadUrlForLayer", redirects=True)

    def _get(self, what: str, action: str, *, redirects: bool = False) -> Answer:
        headers = {"Accept": _ACCEPT, "Authorization": self._authorization}
        url = f"https://{self._image.host}/v2/{self._image.repository}/{what}"
        answer = self._http.get(url, headers, body_of_success=not redirects)
        if answer.status == 200 or (redirects and answer.status in _REDIRECTS):
            return answer
        raise self._failure(answer, what, action)

    def _failure(self, answer: Answer, what: str, action: str) -> Exception:
        code, message = _error(answer)
        if _is_no_good(answer):
            return _Refused(_no_good(self._image.host))
        if answer.status == 403:
            denial = parse_denial(message)
            if denial:
                on = f" on {denial.resource}" if denial.resource else ""
                text = f"{denial.action} was denied to {denial.principal}{on}: {denial.fix}"
            else:
                text = (
                    f"{action} was denied on {self._image.repository}: allow it in the policy of whoever fetched the login,"
                    " and in the repository's if that is another account's"
                )
            return _Refused(text, may_heal=True)
        if answer.status == 404:
            if code == "NAME_UNKNOWN":
                return _Refused("unknown image: there is no such repository")
            missing = (
                "a layer of it is missing" if what.startswith("blobs/") else "the repository has no such tag or digest"
            )
            return _Refused(f"unknown image: {missing}")
        return RegistryUnreachableError(f"it answered {answer.status}")

    def _object(self, answer: Answer) -> Object:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not mapping(found):
            raise RegistryUnreachableError("it gave an answer that cannot be read")
        return mapping(found)

    def _bearer(self, basic: str) -> str:
        """What ECR Public wants in place of the login, and gives for it."""
        answer = self._http.get(_token_address(self._http, self._image.host), {"Authorization": basic})
        if answer.status != 200:
            raise self._failure(answer, "token", "ecr-public:GetAuthorizationToken")
        token = self._object(answer).get("token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise RegistryUnreachableError("it gave no token")
        return f"Bearer {token}"


def _basic(login: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(login).encode()).decode("ascii")


def _token_address(http: Http, host: str) -> str:
    """Where the registry gives tokens for logins (CNCF Distribution docs, Token authentication)."""
    challenge = http.get(f"https://{host}/v2/", {})
    pairs: list[tuple[str, str]] = _CHALLENGE.findall(challenge.headers.get("www-authenticate", ""))
    asked = dict(pairs)
    realm = urlsplit(asked.get("realm", ""))
    if (realm.scheme, realm.netloc) != ("https", host):
        # The login is for nobody else.
        raise RegistryUnreachableError("it does not say where it gives tokens")
    query = urlencode({key: asked[key] for key in ("service", "scope") if key in asked})
    return f"https://{host}{realm.path}?{query}"


def _digest_in(manifest: Object) -> str | None:
    """The digest of the first layer that the registry itself holds, else of the configuration, which is stored like one."""
    parts = [*map(mapping, sequence(manifest.get("layers"))), mapping(manifest.get("config"))]
    return next(_digests(part for part in parts if not part.get("urls")), None)


def _platforms(manifests: Sequence[object]) -> list[str]:
    """The digests of what an index lists, Linux on amd64 first, other platforms next, and what is for none at last."""

    def rank(entry: Object) -> int:
        platform = mapping(entry.get("platform"))
        system, processor = platform.get("os"), platform.get("architecture")
        return 0 if (system, processor) == ("linux", "amd64") else 2 if system in (None, "unknown") else 1

    return list(_digests(sorted(map(mapping, manifests), key=rank)))


def _digests(entries: Iterable[Object]) -> Iterator[str]:
    for entry in entries:
        digest = entry.get("digest")
        if isinstance(digest, str) and _DIGEST.fullmatch(digest):
            yield digest


def _error(answer: Answer) -> tuple[str, str]:
    """Code and message of a registry's error (OCI Distribution Specification, Error codes), empty if it has none."""
    try:
        errors = sequence(mapping(json.loads(answer.body)).get("errors"))
    except (ValueError, RecursionError):
        return "", ""
    first = mapping(next(iter(errors), None))
    return str(first.get("code", "")), str(first.get("message", ""))


def _is_no_good(answer: Answer) -> bool:
    """Whether it is the login that is refused.

    ECR says 403 to one that has ended, ECR Public 400 to one that is bad (aws/containers-roadmap#2835).
    """
    return answer.status == 401 or (answer.status in (400, 403) and "authorization token" in _error(answer)[1].lower())


def _no_good(host: str) -> str:
    return f"{host} does not accept the login; whoever fetched it may be gone"
