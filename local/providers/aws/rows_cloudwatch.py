"""CloudWatch: alarms on one metric, and dashboards."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Call, Hooks, Kind, Prop, Row, State, Tags, call, change
from local.providers.aws.session import Api
from local.providers.aws.shape import to_member

_COMPARISONS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)
_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_DAY, _WEEK = 86400, 604800


def _check_alarm(inputs: State) -> list[tuple[str, str]]:
    """What the real provider or PutMetricAlarm refuses (CloudWatch API Reference): a static alarm needs all of one metric."""
    found = [
        (name, f"{name} is required for an alarm on a metric")
        for name in ("comparisonOperator", "evaluationPeriods", "metricName", "namespace", "period")
        if inputs.get(name) is None
    ]
    if inputs.get("statistic") is None and inputs.get("extendedStatistic") is None:
        found.append(("statistic", "one of statistic or extendedStatistic is required for an alarm on a metric"))
    period, periods = inputs.get("period"), inputs.get("evaluationPeriods")
    needed = inputs.get("datapointsToAlarm")
    if isinstance(period, int) and period not in (10, 20, 30) and (period <= 0 or period % 60):
        found.append(("period", f"period must be 10, 20, 30 or a multiple of 60, not {period}"))
    elif isinstance(period, int) and isinstance(periods, int):
        longest = _DAY if period < 3600 else _WEEK
        if period * periods > longest:
            found.append(("evaluationPeriods", f"period times evaluationPeriods must be at most {longest} seconds"))
    if isinstance(needed, int) and isinstance(periods, int) and needed > periods:
        found.append(("datapointsToAlarm", "datapointsToAlarm must be at most evaluationPeriods"))
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        actions = inputs.get(name)
        for action in actions if isinstance(actions, list) else ():
            _, _, service, region, *_ = [*(action.split(":") if isinstance(action, str) else ()), *[""] * 4]
            if service == "sns" and region != inputs["region"]:
                found.append((name, f"Invalid region {region} specified. Only {inputs['region']} is supported."))
    return found


def _request(inputs: State) -> dict[str, Any]:
    sent = {
        prop.member: to_member(prop, inputs[prop.name])
        for prop in ALARM.props
        if prop.member and inputs.get(prop.name) is not None
    }
    if inputs.get("dimensions"):
        sent["Dimensions"] = [{"Name": name, "Value": value} for name, value in sorted(inputs["dimensions"].items())]
    return sent


def _create_alarm(api: Api, inputs: State) -> tuple[str, State]:
    tags = [{"Key": key, "Value": value} for key, value in sorted((inputs.get("tagsAll") or {}).items())]
    api.call("put_metric_alarm", **_request(inputs), **({"Tags": tags} if tags else {}))
    return inputs["name"], {}


def _update_alarm(api: Api, _id: str, _old: State, new: State, changed: set[str]) -> State:
    # It replaces the whole alarm, and tells nothing of tags.
    if changed - {"tags", "tagsAll"}:
        api.call("put_metric_alarm", **_request(new))
    return {}


def _read_alarm(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    found = api.call("describe_alarms", AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"]).get("MetricAlarms")
    if not found:
        return None
    return {**found[0], "ByName": {pair["Name"]: pair["Value"] for pair in found[0].get("Dimensions") or ()}}


def _delete_alarm(api: Api, resource_id: str, _state: State) -> None:
    api.call("delete_alarms", AlarmNames=[resource_id])


ALARM = Row(
    type="aws:cloudwatch/metricAlarm:MetricAlarm",
    noun="CloudWatch Metric Alarm",
    service="cloudwatch",
    props=(
        Prop("name", "AlarmName", computed=True, replace=True, auto=AutoName(255)),
        Prop("actionsEnabled", "ActionsEnabled", kind=Kind.BOOL, default=True),
        Prop("alarmActions", "AlarmActions", kind=Kind.SET),
        Prop("alarmDescription", "AlarmDescription"),
        Prop("comparisonOperator", "ComparisonOperator", allowed=_COMPARISONS),
        Prop("datapointsToAlarm", "DatapointsToAlarm", kind=Kind.INT),
        Prop("dimensions", kind=Kind.MAP, read="ByName"),
        Prop("evaluateLowSampleCountPercentiles", "EvaluateLowSampleCountPercentile", computed=True),
        Prop("evaluationPeriods", "EvaluationPeriods", kind=Kind.INT),
        Prop("extendedStatistic", "ExtendedStatistic", conflicts=("statistic",)),
        Prop("insufficientDataActions", "InsufficientDataActions", kind=Kind.SET),
        Prop("metricName", "MetricName"),
        Prop("namespace", "Namespace"),
        Prop("okActions", "OKActions", kind=Kind.SET),
        Prop("period", "Period", kind=Kind.INT),
        Prop("statistic", "Statistic", allowed=_STATISTICS),
        Prop("threshold", "Threshold", kind=Kind.NUMBER, default=0),
        Prop(
            "treatMissingData",
            "TreatMissingData",
            default="missing",
            allowed=("missing", "ignore", "breaching", "notBreaching"),
        ),
        Prop("unit", "Unit"),
    ),
    id="{name}",
    checked_by="put_metric_alarm",
    outputs={"arn": "AlarmArn"},
    gone=("ResourceNotFound", "ResourceNotFoundException"),
    tags=Tags("ResourceARN", "arn", "tag_resource", "untag_resource", "Tags", list_op="list_tags_for_resource"),
    hooks=Hooks(check=_check_alarm, create=_create_alarm, read=_read_alarm, update=_update_alarm, delete=_delete_alarm),
)


def _delete_dashboard(api: Api, resource_id: str, _state: State) -> None:
    api.call("delete_dashboards", DashboardNames=[resource_id])


_PUT: Call = call("put_dashboard", "dashboardName dashboardBody")
DASHBOARD = Row(
    type="aws:cloudwatch/dashboard:Dashboard",
    noun="CloudWatch Dashboard",
    service="cloudwatch",
    props=(
        Prop("dashboardName", "DashboardName", required=True, replace=True),
        Prop("dashboardBody", "DashboardBody", kind=Kind.JSON, required=True),
    ),
    id="{dashboardName}",
    create=_PUT,
    read=call("get_dashboard", DashboardName="#id"),
    changes=(change("dashboardBody", _PUT),),
    outputs={"dashboardArn": "DashboardArn"},
    gone=("ResourceNotFound", "DashboardNotFoundError"),
    hooks=Hooks(delete=_delete_dashboard),
)

ROWS = (ALARM, DASHBOARD)
