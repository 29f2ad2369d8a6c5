"""Bad configurations of alarms and of rules."""

import json

_ON = {"everpull:alarms": "true"}
_RULES = {"everpull:prometheusRules": "true"}
_TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"

OF_ALARMS: dict[str, dict[str, str | None]] = {
    "alarms neither wanted nor not": {"everpull:alarms": "on"},
    "topic by its name": {**_ON, "everpull:alarmTopic": "on-call"},
    "topic that is first in first out": {**_ON, "everpull:alarmTopic": f"{_TOPIC}.fifo"},
    "topic of another region": {**_ON, "everpull:alarmTopic": _TOPIC.replace("eu-central-1", "eu-west-1")},
    "address that is none": {**_ON, "everpull:alarmEmail": "on-call"},
    "addresses more than one": {**_ON, "everpull:alarmEmail": "a@example.com,b@example.com"},
    "address beside a topic": {**_ON, "everpull:alarmTopic": _TOPIC, "everpull:alarmEmail": "oncall@example.com"},
    "alarm too soon": {**_ON, "everpull:alarmHours": "1"},
    "alarm too soon for the schedule": {**_ON, "everpull:alarmHours": "2", "everpull:schedule": "rate(90 minutes)"},
    "alarm too late": {**_ON, "everpull:alarmHours": "4"},
    "alarm too soon for rotation": {**_ON, "everpull:trigger": "rotation", "everpull:alarmHours": "3"},
    "alarm too late for rotation": {**_ON, "everpull:trigger": "rotation", "everpull:alarmHours": "10"},
    "alarms with a rotation too slow for them": {
        **_ON,
        "everpull:trigger": "rotation",
        "everpull:schedule": "rate(8 hours)",
    },
    "alarm after hours that are no number": {**_ON, "everpull:alarmHours": "3h"},
    "alarms with a schedule too slow for them": {**_ON, "everpull:schedule": "rate(3 hours)"},
    "what goes with alarms without them": {
        "everpull:alarmTopic": _TOPIC,
        "everpull:alarmEmail": "oncall@example.com",
        "everpull:alarmHours": "2",
    },
    "alarms in mode cronjob": {"everpull:mode": "cronjob", **_ON, "everpull:alarmHours": "2"},
    "alarms beside node roles alone": {
        "everpull:mode": "node-role",
        "everpull:nodeRoles": json.dumps(["nodes"]),
        **_ON,
    },
    "rules neither wanted nor not": {"everpull:prometheusRules": "prometheus"},
    "rules with a label without a value": {**_RULES, "everpull:prometheusRuleLabels": json.dumps(["release"])},
    "rules with a label that is none": {**_RULES, "everpull:prometheusRuleLabels": json.dumps(["re lease=a"])},
    "rules with a label of two values": {**_RULES, "everpull:prometheusRuleLabels": json.dumps(["a=b", "a=c"])},
    "rules with a label of everpull's own": {
        **_RULES,
        "everpull:prometheusRuleLabels": json.dumps(["app.kubernetes.io/instance=a"]),
    },
    "labels of rules without rules": {"everpull:prometheusRuleLabels": json.dumps(["a=b"])},
    "rules in mode cronjob": {"everpull:mode": "cronjob", **_RULES},
}
