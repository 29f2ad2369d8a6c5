"""The one cluster that a provider works on: reachable or not, and where each kind lives in it."""

from local.providers.common.provider import ProviderError
from local.providers.kubernetes import kubeconfig, objects
from local.providers.kubernetes.api import Answer, Api, ApiError, NoSuchKind, Resource, Unreachable
from local.providers.kubernetes.objects import Object
from local.providers.kubernetes.options import Options

_CONFLICT_HELP = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources"
)


class Cluster:
    """Connects when made. One that can't be reached is no error yet, since a preview needs none: `unreachable` says why."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.namespace = options.namespace or "default"
        self.unreachable = ""
        self._api: Api | None = None
        try:
            config = kubeconfig.load(options.kubeconfig, options.context, options.cluster)
            self.namespace = options.namespace or config.namespace
            self._api = Api(kubeconfig.client(config, options.timeout))
            self._api.version()
        except kubeconfig.NoCluster as error:
            self.unreachable = f"unable to load Kubernetes client configuration from kubeconfig file: {error}"
        except (Unreachable, ApiError) as error:
            self.unreachable = f"unable to load schema information from the API server: {error}"

    def close(self) -> None:
        """Closes the connections."""
        if self._api is not None:
            self._api.close()

    @property
    def api(self) -> Api:
        """The client. Raises ProviderError when the cluster can't be reached."""
        if self._api is None or self.unreachable:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {self.unreachable}")
        return self._api

    def find(self, obj: Object) -> Resource | None:
        """Where objects of this apiVersion and kind live; None if the cluster doesn't serve them or can't be asked."""
        if self.unreachable:
            return None
        try:
            return self.api.resource(str(obj.get("apiVersion")), str(obj.get("kind")))
        except NoSuchKind:
            return None
        except (ApiError, Unreachable) as error:
            raise ProviderError(f"the API server can't tell where {obj.get('kind')} objects live: {error}") from None

    def is_namespaced(self, obj: Object) -> bool:
        """Whether such objects live in namespaces; guessed for a kind that the cluster doesn't serve yet."""
        found = self.find(obj)
        return found.namespaced if found else objects.assumed_namespaced(str(obj.get("kind")))


def explain_conflict(error: ApiError, manager: str) -> str:
    """A server-side-apply conflict, with the ways out of it."""
    return (
        f"server-side apply field conflict detected, see {_CONFLICT_HELP} for troubleshooting help\n"
        f'The resource managed by field manager "{manager}" had an apply conflict: {error}\n'
        f'To take the fields over, set the annotation {objects.PATCH_FORCE}: "true" on the resource'
    )


def field_warnings(answer: Answer) -> list[str]:
    """Warnings about fields that the server doesn't know and drops; others (deprecations, pod security) aren't shown."""
    return [text for text in answer.warnings if text.startswith(("unknown field", "duplicate field"))]
