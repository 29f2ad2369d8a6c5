"""Who is told when logins are no longer renewed, and how soon."""

import math
import re
from dataclasses import dataclass

from . import schema
from .reader import Reader, command
from .refused import Refused
from .values import boolean, integer

# A standard topic: one of kind FIFO wants more of its messages than alarms have.
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class AlarmSettings:
    """`topic` is the ARN of an SNS topic, None for one that is made; `email` is subscribed to that. The alarm for silence is
    raised after `hours`."""

    topic: str | None
    email: str | None
    hours: int

    @property
    def topic_region(self) -> str | None:
        """The region of a topic that is given."""
        return self.topic.split(":")[3] if self.topic else None


@dataclass(frozen=True)
class Pace:
    """How often logins are renewed: in minutes, what lies between two runs at most, and what the first of the logins to die has
    left at least after one that refreshed."""

    minutes: int
    left: int

    @property
    def least(self) -> int:
        """Hours after which an alarm for silence is raised by no run that is merely late."""
        return math.ceil(self.minutes / 60) + 1

    @property
    def most(self) -> int:
        """Hours after which it is still raised while the login lives, an hour of grace included."""
        return (self.left - schema.GRACE_MINUTES) // 60 - schema.ALARM_LATE_HOURS

    @property
    def usual(self) -> int:
        """Hours where the configuration says nothing of them."""
        return max(schema.ALARM_HOURS, self.least)


def read(reader: Reader, pace: Pace) -> AlarmSettings | None:
    """What the configuration says of alarms, None for no alarms; faults are noted in the reader."""
    wanted = reader.value("alarms", boolean)
    settings = AlarmSettings(
        reader.value("alarmTopic", topic),
        reader.value("alarmEmail", email),
        reader.value("alarmHours", integer, computed=str(pace.usual)),
    )
    if not wanted:
        if reader.sound("alarms"):
            _refuse_without_alarms(reader)
        return None
    if settings.topic and settings.email and reader.sound("alarmTopic", "alarmEmail"):
        reader.refuse(
            "alarmEmail",
            f"would be subscribed to a topic that everpull makes, and {schema.PROJECT}:alarmTopic names another one",
            "one of the two: whoever has the topic subscribes to it",
            f"pulumi config rm {schema.PROJECT}:alarmEmail",
        )
    if reader.sound("schedule", "alarmHours"):
        _refuse_bad_hours(reader, settings.hours, pace)
    return settings


def refuse_elsewhere(reader: Reader, alarms: AlarmSettings | None, region: str) -> None:
    """Notes a topic of another region: PutMetricAlarm refuses it ("Invalid region ... specified. Only ... is supported.")."""
    if alarms and alarms.topic_region not in (None, region) and reader.sound("alarmTopic", "aws:region"):
        reader.refuse(
            "alarmTopic",
            f"is in {alarms.topic_region}, and alarms of {region} can tell topics of {region} alone",
            f"a topic in {region}, or none, so that one is made",
            f"pulumi config rm {schema.PROJECT}:alarmTopic",
        )


def topic(text: str) -> str | None:
    """The ARN of a standard SNS topic, None for an empty text."""
    if text and not _TOPIC.fullmatch(text):
        raise Refused("is not the ARN of a standard SNS topic", "arn:aws:sns:REGION:ACCOUNT:NAME")
    return text or None


def email(text: str) -> str | None:
    """One address, None for an empty text. Whether somebody reads there, SNS finds out."""
    if text and (len(text) > _LONGEST_EMAIL or not _EMAIL.fullmatch(text)):
        raise Refused("is not an e-mail address", "one address, such as oncall@example.com")
    return text or None


def _refuse_without_alarms(reader: Reader) -> None:
    for key in ("alarmTopic", "alarmEmail", "alarmHours"):
        if reader.is_set(key) and reader.sound(key):
            reader.refuse(
                key,
                f"means nothing without {schema.PROJECT}:alarms, so it would have no effect",
                f"only with {schema.PROJECT}:alarms true",
                command("alarms"),
            )


def _refuse_bad_hours(reader: Reader, hours: int, pace: Pace) -> None:
    """A run that is late must raise nothing, and what is raised at last must be while the login lives."""
    least, most, minutes = pace.least, pace.most, pace.minutes
    if least > most:
        rotates = reader.text("trigger") == "rotation"
        late = schema.ROTATION_WINDOW_MINUTES // 60 if rotates else 0
        reader.refuse(
            "alarms",
            f"could not tell of silence while the login lives, with {minutes} minutes between two runs",
            f"{schema.PROJECT}:schedule of at most {most - 1 - late} hours",
            command("schedule", schema.ROTATION_SCHEDULE if rotates else None),
        )
        return
    allowed = f"{least} to {most}" if least < most else str(most)
    if hours < least:
        reader.refuse(
            "alarmHours",
            f"is too soon: with {minutes} minutes between two runs, one that is late would raise the alarm",
            allowed,
            f"pulumi config set {schema.PROJECT}:alarmHours {least}",
        )
    elif hours > most:
        reader.refuse(
            "alarmHours",
            f"is too late: CloudWatch may raise the alarm {schema.ALARM_LATE_HOURS} hours after that, and when the last run "
            f"refreshed, the login may have had no more than {pace.left // 60} hours left",
            f"{allowed}, which leaves an hour to act in",
            f"pulumi config set {schema.PROJECT}:alarmHours {most}",
        )
