"""Room for the logins, and for what the refresher is told: more than fits is refused before it can fail at night.

Sizes are bounds in bytes that are never too small; a test holds them against what lambda_src/refresher writes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lambda_src.refresher.registries import Registry

from . import images
from .reach import Problem, Reach
from .schema import ECR_PUBLIC

# A docker config's entry for one registry. AWS fixes no size and says not to count on one (Amazon ECR API Reference,
# GetAuthorizationToken); the longest password that somebody told of has 3,188 characters (aws/aws-cli#5636), and base64 makes
# 4,256 of them.
AUTH_BYTES = 4352
# A quarter of base64 is lost when it is read.
_PASSWORD_BYTES = AUTH_BYTES * 3 // 4
_ENTRY = '"":{"auth":""},'
# Of each login its times and the marks around them; of the whole document its other keys.
_LOGIN_BYTES = 160
_DOCUMENT_BYTES = 512
# Of the environment what is the same in each stack: names of variables, the secret's ARN.
_VARIABLES_BYTES = 512


def docker_config_bytes(hosts: Sequence[str]) -> int:
    """The docker config with a login for each host."""
    return len('{"auths":{}}') + sum(len(_ENTRY) + len(host) + AUTH_BYTES for host in hosts)


def document_bytes(hosts: Sequence[str]) -> int:
    """The document in Secrets Manager: the docker config as a text, the main login by itself, and each login's times."""
    main = max(map(len, hosts), default=0) + _PASSWORD_BYTES
    # Each of the docker config's quotes takes one byte more there.
    more = sum(_ENTRY.count('"') + len(host) + _LOGIN_BYTES for host in hosts)
    return _DOCUMENT_BYTES + main + docker_config_bytes(hosts) + more


def environment_bytes(*lists: Sequence[str]) -> int:
    """What the refresher is told by environment variables, their names and the secret's ARN included."""
    return _VARIABLES_BYTES + sum(len(",".join(items)) for items in lists)


@dataclass(frozen=True)
class _Room:
    """Where the logins of a mode lie and what its refresher, if it has one, is started by, with what each holds."""

    store: str
    store_bytes: int
    needs: Callable[[Sequence[str]], int]
    more: str
    starter: str = ""
    starter_bytes: int = 0


_ROOMS = {
    # AWS Secrets Manager quotas; AWS Lambda quotas.
    "lambda": _Room(
        store="the secret in Secrets Manager",
        store_bytes=64 * 1024,
        needs=document_bytes,
        more=", or mode cronjob, which has room for more",
        starter="a function",
        starter_bytes=4 * 1024,
    ),
    # Kubernetes docs, Secrets; execve(2), Limits on size of arguments and environment.
    "cronjob": _Room(
        store="a Secret in the cluster",
        store_bytes=1024 * 1024,
        needs=docker_config_bytes,
        more="",
        starter="a program",
        starter_bytes=128 * 1024,
    ),
    "generator": _Room(store="a Secret in the cluster", store_bytes=1024 * 1024, needs=docker_config_bytes, more=""),
}


def problems(mode: str, reach: Reach, registries: Sequence[Registry], repositories: Sequence[str]) -> Iterator[Problem]:
    """What does not fit where the mode puts it, if it puts anything anywhere."""
    room = _ROOMS.get(mode)
    if room is None:
        return
    hosts = reach.hosts(registries)
    if room.needs(hosts) > room.store_bytes:
        yield _too_many(room, hosts)
    told = {
        "registries": hosts,
        "assumeRoles": list(reach.roles.values()),
        "verifyImages": images.resolved(reach.images, registries, repositories),
    }
    size = environment_bytes(*told.values())
    if room.starter and size > room.starter_bytes:
        key = max(told, key=lambda key: len(",".join(told[key])))
        yield Problem(
            key,
            f"{len(told[key])} names",
            f"takes the refresher's environment to {size} bytes, and {room.starter} gets {room.starter_bytes} at most",
            "fewer or shorter names, or several stacks",
        )


def _too_many(room: _Room, hosts: Sequence[str]) -> Problem:
    longest_first = sorted(hosts, key=len, reverse=True)
    fits = max(count for count in range(len(hosts)) if room.needs(longest_first[:count]) <= room.store_bytes)
    counted = ", ECR Public counted" if ECR_PUBLIC in hosts else ""
    return Problem(
        "registries",
        f"{len(hosts)} registries",
        f"asks for the logins of {len(hosts)} registries{counted}; they can take {room.needs(hosts) // 1024} KiB, and "
        f"{room.store} holds {room.store_bytes // 1024}",
        f"at most {fits} registries{counted}; others in another stack{room.more}",
    )
