"""Puts the platform together: which parts there are, in which order they come up, and how all of it goes down."""

import contextlib
import dataclasses
import fcntl
import functools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from local import apt, aws_front, plugins, procfs, state
from local.cluster import (
    certificates,
    control_plane,
    issuer,
    leftovers,
    machine,
    node,
    operator,
    pod_identity,
    pod_policy,
)
from local.cluster.api import Api, ApiError
from local.paths import Paths
from local.pod_identity.part import agent
from local.ports import api_address
from local.registry import busybox, debian, hosts, refresher, service
from local.registry.images import Pushed, push_once
from local.state import PlatformState
from local.steps import Progress, Step, run
from local.supervisor import Condition, Part, Supervisor, end
from local.tools import build as tools
from local.tools import engine, families
from local.tunnel.authority import Authority
from local.tunnel.part import tunnel

# Registry hosts that are routed from the start; tests add theirs with hosts.route_registry_host.
_ROUTED = (
    (state.DEFAULT_ACCOUNT, state.DEFAULT_REGION),
    (state.DEFAULT_ACCOUNT, "us-east-1"),
    ("111111111111", state.DEFAULT_REGION),
)
# Which ports belong to which part, to keep them while it lives.
_PORTS = {
    "aws": ("aws", "ecr-registry"),
    "tunnel": ("tunnel",),
    "pod-identity-agent": ("pod-identity",),
    "registry": ("registry",),
    "etcd": ("etcd", "etcd-peer"),
    "kube-apiserver": ("kube-apiserver",),
    "kube-controller-manager": ("controller-manager",),
    "kube-scheduler": ("scheduler",),
    "kubelet": ("kubelet", "kubelet-health"),
    "containerd": ("containerd-stream",),
}
# kubelet renews its lease every 10 s; a node that hasn't for this long is as good as gone (the lease's own duration).
_LEASE_SECONDS = 40.0
_OPERATOR_PORTS = ("eso-metrics", "eso-live")


class BusyError(Exception):
    """Another `up` or `down` of the same platform is at work."""


class Platform:
    """The platform in the state folder of `folders`."""

    def __init__(self, folders: Paths, progress: Progress) -> None:
        self._folders, self._progress = folders, progress
        self._supervisor = Supervisor(folders)

    def up(self) -> PlatformState:
        """Bring everything up, or put right what isn't; gives the state that is also in `platform.json`.

        Raises:
            StepsFailedError: with every step that failed and why.
            BusyError: another `up` or `down` is at work.
            NoFreePort: nothing could be bound.
        """
        self._folders.make()
        with self._alone():
            leftovers.forget_last_boot(self._folders)
            chosen = state.choose(self._folders, node.obstacle() or apt.node_obstacle(), self._ports_in_use())
            if not chosen.node:
                self._progress.say(f"no node: {chosen.node_reason}")
            state.save(chosen, self._folders)
            Authority(self._folders.authority.parent)
            pki = certificates.ensure(self._folders.kube, chosen.kube_api, api_address(chosen.network))
            for account, region in _ROUTED:
                hosts.route_registry_host(hosts.ecr_host(account, region), chosen, self._folders)
            run(self._steps(chosen, pki), self._progress)
            return state.load(self._folders)

    def _steps(self, chosen: PlatformState, pki: certificates.Pki) -> list[Step]:
        folders, api = self._folders, Api(chosen.kube_api, pki)
        images: dict[str, Pushed] = {}

        def part(make: Callable[[], Part]) -> Callable[[], str]:
            return lambda: self._supervisor.ensure(make())

        def build(family: families.Family) -> Callable[[], str]:
            return functools.partial(tools.build, family, folders)

        def packages() -> str:
            return apt.ensure(node=chosen.node, log_file=folders.log / "apt.log")

        steps = [
            Step("packages", packages),
            Step("build kubernetes", build(families.KUBERNETES)),
            # Two builds at a time: one alone leaves processors idle while it fetches and links. What the parts need
            # comes first.
            Step("build external-secrets", build(families.EXTERNAL_SECRETS)),
            Step("build helm", build(families.HELM), ("build external-secrets",)),
            Step("pulumi", lambda: engine.ensure(folders), ("build kubernetes",)),
            Step("plugins", lambda: self._plugins()),
            Step("emulator's environment", lambda: aws_front.ensure_environment(folders)),
            Step("registry", part(lambda: service.registry(folders, chosen)), ("packages",)),
            Step("aws", part(lambda: aws_front.front(folders, chosen)), ("emulator's environment", "registry")),
            Step("tunnel", part(lambda: tunnel(folders, chosen))),
            Step("etcd", part(lambda: control_plane.etcd(folders, chosen, pki)), ("packages",)),
            Step(
                "kube-apiserver",
                part(lambda: control_plane.apiserver(folders, chosen, pki)),
                ("etcd", "build kubernetes"),
            ),
            Step(
                "kube-controller-manager",
                part(lambda: control_plane.controller_manager(folders, chosen, pki)),
                ("kube-apiserver",),
            ),
            Step("issuer's keys", lambda: issuer.ensure(api), ("kube-apiserver",)),
            Step("kube-scheduler", part(lambda: control_plane.scheduler(folders, chosen, pki)), ("kube-apiserver",)),
        ]
        if not chosen.node:
            return [
                *steps,
                Step(
                    "operator's rights",
                    lambda: operator.apply(folders, api, operator.manifests(folders, chosen, None)),
                    ("kube-apiserver", "build helm"),
                ),
                Step(
                    "external-secrets",
                    part(lambda: operator.process(folders, chosen, pki, api)),
                    ("operator's rights", "kube-controller-manager"),
                ),
            ]

        def pause_image() -> str:
            images["pause"] = busybox.push_pause(chosen.backend_registry)
            return "kept"

        def containerd_part() -> Part:
            return node.containerd(
                folders, chosen, node.write_containerd_config(folders, chosen, images["pause"].reference)
            )

        def operator_image() -> str:
            return self._operator_image(chosen, images)

        def operator_objects() -> str:
            return operator.apply(folders, api, operator.manifests(folders, chosen, images["operator"].reference))

        def operator_ready() -> str:
            before = operator.not_ready(api, chosen) is None
            operator.wait(lambda: operator.not_ready(api, chosen))
            return "kept" if before else "ready"

        return [
            *steps,
            Step("pause image", pause_image, ("registry",)),
            Step("containerd", part(containerd_part), ("pause image",)),
            Step("kubelet", lambda: self._kubelet(chosen, pki, api), ("containerd", "kube-apiserver")),
            Step("pods' host network", lambda: pod_policy.ensure(api, chosen), ("kube-controller-manager",)),
            Step("pod identities", lambda: pod_identity.ensure(api, chosen), ("kube-apiserver",)),
            Step("pod-identity-agent", part(lambda: agent(folders, chosen)), ("aws", "kube-apiserver")),
            Step("refresher's image", lambda: self._refresher_image(chosen), ("registry",)),
            Step("operator's image", operator_image, ("registry", "build external-secrets")),
            Step("operator's objects", operator_objects, ("operator's image", "build helm", "kube-apiserver")),
            Step(
                "external-secrets",
                operator_ready,
                ("operator's objects", "kubelet", "kube-controller-manager", "kube-scheduler", "aws"),
            ),
        ]

    def _plugins(self) -> str:
        plugins.ensure(self._folders)
        return "kept"

    def _kubelet(self, chosen: PlatformState, pki: certificates.Pki, api: Api) -> str:
        machine.prepare(self._folders, node.kubelet_folder(self._folders))
        done = self._supervisor.ensure(node.kubelet(self._folders, chosen, pki))
        operator.wait(lambda: self._node_not_ready(chosen, api))
        return done

    def _node_not_ready(self, chosen: PlatformState, api: Api) -> str | None:
        record = self._supervisor.record("kubelet")
        if record is None or not record.is_alive():
            return "kubelet does not run"
        since = time.time() - min(procfs.uptime_seconds(record.identity), _LEASE_SECONDS)
        return node.not_ready(api, api_address(chosen.network), since)

    def _operator_image(self, chosen: PlatformState, images: dict[str, Pushed]) -> str:
        """Push the image when the program changed; the digest is kept so that nothing is read again otherwise."""
        status = (self._folders.bin / "external-secrets").stat()
        images["operator"], done = push_once(
            self._folders.stamps / "operator-image",
            f"{status.st_size}-{status.st_mtime_ns}",
            chosen.backend_registry,
            operator.REPOSITORY,
            lambda: operator.push_operator_image(self._folders, chosen.backend_registry),
        )
        return done

    def _refresher_image(self, chosen: PlatformState) -> str:
        """Make the image when what it is made of changed, and put it into the state."""
        if obstacle := debian.obstacle():
            return f"none: {obstacle}"
        image, done = push_once(
            self._folders.stamps / "refresher-image",
            refresher.made_of(self._folders.authority),
            chosen.backend_registry,
            refresher.REPOSITORY,
            lambda: refresher.push(self._folders, chosen.backend_registry),
        )
        state.save(dataclasses.replace(chosen, refresher_image=image.reference), self._folders)
        return done

    def _ports_in_use(self) -> frozenset[str]:
        """Ports whose owners live: taken, but by us."""
        alive = {
            name for name in self._supervisor.names() if (record := self._supervisor.record(name)) and record.is_alive()
        }
        kept = {port for name in alive for port in _PORTS.get(name, ())}
        # The operator's pod lives as long as its containers, whether or not containerd does.
        if leftovers.has_containers(self._folders) or "external-secrets" in alive:
            kept.update(_OPERATOR_PORTS)
        return frozenset(kept)

    def down(self) -> None:
        """Stop everything and leave nothing outside the state folder; data inside stays for the next `up`.

        Raises:
            PartError, LeftoversError: something does not go away.
            BusyError: another `up` or `down` is at work.
        """
        if not self._folders.run.is_dir():
            return
        with self._alone():
            self._say_stop("kubelet and the operator", ["kubelet", "external-secrets", "kube-scheduler"])
            self._say_stop("containerd", ["containerd"])
            if os.geteuid() == 0:  # nobody else could have started a container
                self._progress.say("removing containers, mounts and control groups")
                leftovers.remove(self._folders)
            above = ["pod-identity-agent", "kube-controller-manager", "kube-apiserver", "aws", "tunnel"]
            self._say_stop("the control plane, aws", above)
            self._say_stop("stores", ["etcd", "registry", *self._supervisor.names()])
            # What lost its record, and what a part's child started apart from its group.
            end(self._supervisor.marked, 5.0)
            if self._folders.sockets != self._folders.run:
                shutil.rmtree(self._folders.sockets, ignore_errors=True)
        self._progress.say("down")

    def _say_stop(self, what: str, names: list[str]) -> None:
        self._progress.say(f"stopping {what}")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self._supervisor.stop(name, seconds=20.0), names))

    def parts(self, chosen: PlatformState) -> list[Part]:
        """Every process of the platform, for `status`."""
        folders = self._folders
        pki = certificates.Pki(folders.kube)
        found = [
            service.registry(folders, chosen),
            aws_front.front(folders, chosen),
            tunnel(folders, chosen),
            control_plane.etcd(folders, chosen, pki),
            control_plane.apiserver(folders, chosen, pki),
            control_plane.controller_manager(folders, chosen, pki),
            control_plane.scheduler(folders, chosen, pki),
        ]
        if chosen.node:
            found += [
                node.containerd(folders, chosen, folders.kube / "containerd.toml"),
                node.kubelet(folders, chosen, pki),
                agent(folders, chosen),
            ]
        return found

    def status(self) -> list[Condition]:
        """How each part is, the operator and the node included. Raises StateError when nothing was brought up."""
        chosen = state.load(self._folders)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self._supervisor.condition, self.parts(chosen)))
        api = Api(chosen.kube_api, certificates.Pki(self._folders.kube), timeout=5)
        if chosen.node:
            found.append(_condition("node", lambda: self._node_not_ready(chosen, api)))
            found.append(_condition("external-secrets", lambda: operator.not_ready(api, chosen)))
        else:
            found.append(Condition("node", "absent", detail=chosen.node_reason))
            part = operator.process(self._folders, chosen, certificates.Pki(self._folders.kube), api)
            found.append(self._supervisor.condition(part))
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = self._folders.run / "lock"
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"another `python -m local` is changing the platform in {self._folders.home}") from None
            yield


def _condition(name: str, reason: Callable[[], str | None]) -> Condition:
    try:
        text = reason()
    except (ApiError, OSError, subprocess.SubprocessError) as error:
        text = str(error)
    return Condition(name, "running" if text is None else "unhealthy", detail=text or "")
