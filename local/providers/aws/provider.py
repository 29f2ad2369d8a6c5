"""The provider as the engine sees it: configuration, then each request handed to the row of its type."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws import check as checking
from local.providers.aws import invokes, life, plan
from local.providers.aws.config import check_config, open_session, tag_settings
from local.providers.aws.model import Row
from local.providers.aws.session import Api, Session
from local.providers.aws.table import ROWS
from local.providers.common import provider as api
from local.providers.common.diff import DiffResult
from local.providers.common.values import Secret, Value, conceal, reveal, secret_paths

VERSION = "7.51.1"
"""The release of the real plugin that this one answers for: that of the pinned pulumi-aws SDK."""


class AwsProvider(api.Provider):
    """The stand-in. `session` may be given by tests; otherwise `configure` opens one."""

    name = "aws"
    version = VERSION

    def __init__(self, session: Session | None = None, default_tags: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._session = session
        self._default_tags = dict(default_tags or {})

    def check_config(self, request: api.CheckRequest) -> api.CheckResult:
        return check_config(request)

    def configure(self, config: Mapping[str, Value]) -> None:
        plain = reveal(dict(config))
        self._session = open_session(plain, self.cancelled)
        self._default_tags = tag_settings(plain)

    @property
    def session(self) -> Session:
        """The configured session; raises ProviderError before that."""
        if self._session is None:
            raise api.ProviderError("the aws provider was used before it was configured")
        return self._session

    def _row(self, token: str) -> Row:
        if token not in ROWS:
            raise api.ProviderError(
                f"the resource type {token} is not supported by the local stand-in for the aws provider"
            )
        return ROWS[token]

    def _api(self, row: Row, values: Mapping[str, Any]) -> Api:
        region = values.get("region") if row.regional else None
        return Api(self.session, row.service, region if isinstance(region, str) else self.session.settings.region)

    def check(self, request: api.CheckRequest) -> api.CheckResult:
        row = self._row(request.on.type)
        return checking.check(row, request, self._default_tags, self.session.settings.region)

    def diff(self, request: api.DiffRequest) -> DiffResult:
        return plan.diff(self._row(request.on.type), request)

    def create(self, request: api.CreateRequest) -> api.Resource:
        row, inputs = self._row(request.on.type), reveal(request.inputs)
        if request.preview:
            return api.Resource("", _sealed(row, life.preview_create(row, inputs), request.inputs))
        try:
            resource_id, state = life.create(row, self._api(row, inputs), inputs, self._default_tags)
        except life.UnfinishedError as error:
            outputs = _sealed(row, {k: v for k, v in error.state.items() if v is not None}, request.inputs)
            reason = _scrub(str(error), request.inputs)
            raise api.PartialFailureError(error.resource_id, outputs, request.inputs, [reason]) from None
        except api.ProviderError as error:
            raise api.ProviderError(_scrub(str(error), request.inputs)) from None
        return api.Resource(resource_id, _sealed(row, state, request.inputs))

    def read(self, request: api.ReadRequest) -> api.Resource | None:
        row = self._row(request.on.type)
        known = reveal(request.state)
        if not request.inputs:
            known = {**life.parse_id(row, request.id), **known}
        try:
            state = life.read(row, self._api(row, known), request.id, known, self._default_tags)
        except api.ProviderError as error:
            raise api.ProviderError(_scrub(f"reading {row.noun} ({request.id}): {error}", request.state)) from None
        if state is None:
            return None
        inputs = life.inputs_from(row, state, reveal(request.inputs))
        return api.Resource(
            life.canonical_id(row, request.id, state),
            _sealed(row, state, request.state, request.inputs),
            _sealed(row, inputs, request.inputs, request.state),
        )

    def update(self, request: api.UpdateRequest) -> api.Values:
        row = self._row(request.on.type)
        old, new = reveal(request.old_state), reveal(request.new_inputs)
        ignore = request.ignore_changes
        if request.preview:
            state = life.preview_update(row, old, new, ignore)
            return _sealed(row, state, request.new_inputs, request.old_state)
        try:
            state = life.update(row, self._api(row, old), request.id, old, new, self._default_tags, ignore)
        except api.ProviderError as error:
            raise api.ProviderError(_scrub(str(error), request.new_inputs, request.old_state)) from None
        return _sealed(row, state, request.new_inputs)

    def delete(self, request: api.DeleteRequest) -> None:
        row, state = self._row(request.on.type), reveal(request.state)
        try:
            life.delete(row, self._api(row, state), request.id, state)
        except api.ProviderError as error:
            raise api.ProviderError(_scrub(str(error), request.state)) from None

    def invoke(self, token: str, args: api.Values) -> api.Values:
        try:
            return invokes.invoke(self.session, self._default_tags, token, reveal(args))
        except api.ProviderError as error:
            raise api.ProviderError(_scrub(f"invoking {token}: {error}", args)) from None


def _sealed(row: Row, values: api.Values, *sources: api.Values) -> api.Values:
    """The values with secrets where the row says so and where the sources had them."""
    paths = [(name,) for name in row.secret_outputs if values.get(name) is not None]
    paths += [path for source in sources for path in secret_paths(source)]
    if any(path[0] == "tags" for path in paths):
        paths.append(("tagsAll",))
    return conceal(values, [path for path in paths if path[0] in values])


def _scrub(text: str, *sources: Value) -> str:
    """The text with each secret string of the sources blotted out: AWS likes to quote what it refuses."""
    for secret in sorted(set(_secret_strings(list(sources))), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _secret_strings(value: Value, inside: bool = False) -> list[str]:
    if isinstance(value, Secret):
        return _secret_strings(value.value, True)
    if isinstance(value, str):
        return [value] if inside and len(value) > 3 else []
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return [text for item in items for text in _secret_strings(item, inside)]
