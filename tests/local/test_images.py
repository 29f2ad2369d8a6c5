"""Images pushed to a real docker-registry."""

import io
import json
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ports
from local.paths import Paths
from local.registry import busybox
from local.registry.images import File, Pushed, PushError, architecture, has_image, push_image, push_once, tree
from local.registry.service import registry
from local.state import PlatformState
from local.supervisor import Supervisor


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A docker-registry of the module's own, started as the platform starts it."""
    folders = Paths(tmp_path_factory.mktemp("registry"))
    folders.make()
    port = ports.free_port()
    fields = dict.fromkeys(("aws_endpoint", "registry_endpoint", "kubeconfig", "kube_api", "account", "region"), "")
    state = PlatformState(
        **fields,
        backend_registry=f"http://127.0.0.1:{port}",
        aws_access_key_id="",
        aws_secret_access_key="",
        node=False,
        node_reason="",
        network="127.70.0",
        ports={"registry": port},
    )
    supervisor = Supervisor(folders)
    supervisor.ensure(registry(folders, state))
    yield state.backend_registry
    supervisor.stop("registry")


def get(url: str, path: str) -> bytes:
    accept = "application/vnd.oci.image.manifest.v1+json"
    with urllib.request.urlopen(urllib.request.Request(f"{url}{path}", headers={"Accept": accept})) as answer:  # noqa: S310
        return answer.read()


def pulled(url: str, repository: str, reference: str) -> tuple[dict[str, object], tarfile.TarFile]:
    """An image's configuration and its only layer."""
    manifest = json.loads(get(url, f"/v2/{repository}/manifests/{reference}"))
    config = json.loads(get(url, f"/v2/{repository}/blobs/{manifest['config']['digest']}"))
    layer = get(url, f"/v2/{repository}/blobs/{manifest['layers'][0]['digest']}")
    assert len(layer) == manifest["layers"][0]["size"]
    return config, tarfile.open(fileobj=io.BytesIO(layer))


def test_an_image_comes_back_as_it_was_made(url: str, tmp_path: Path) -> None:
    source = tmp_path / "program"
    source.write_bytes(b"#!/bin/sh\n" * 100_000)
    files = {
        "/usr/bin/program": File(source, 0o755),
        "/etc/words": File(b"hello"),
        "/usr/bin/alias": File(link="program"),
    }
    pushed = push_image(
        url, "team/app", "v1", files, entrypoint=["/usr/bin/program"], environment={"A": "b"}, user="65534:65534"
    )
    config, layer = pulled(url, "team/app", "v1")
    assert config["architecture"] == architecture()
    assert config["config"] == {
        "Entrypoint": ["/usr/bin/program"],
        "Env": ["A=b"],
        "Labels": {},
        "User": "65534:65534",
    }
    assert layer.getmember("usr/bin/program").mode == 0o755
    program = layer.extractfile("usr/bin/program")
    assert program is not None
    assert program.read() == source.read_bytes()
    assert layer.getmember("usr/bin/alias").linkname == "program"
    assert layer.getmember("usr").isdir()
    assert pushed.reference == f"{url.removeprefix('http://')}/team/app@{pushed.digest}"
    assert has_image(url, "team/app", pushed.digest)


def test_the_same_content_is_the_same_image_and_other_content_another(url: str) -> None:
    def push(words: bytes) -> str:
        return push_image(url, "team/same", "v1", {"/words": File(words)}, entrypoint=["/words"]).digest

    assert push(b"one") == push(b"one")
    assert push(b"one") != push(b"two")


def test_an_image_is_pushed_again_only_when_it_is_made_of_something_else(url: str, tmp_path: Path) -> None:
    made: list[str] = []

    def push(words: str) -> tuple[Pushed, str]:
        def make() -> Pushed:
            made.append(words)
            return push_image(url, "team/once", "v1", {"/words": File(words.encode())}, entrypoint=["/words"])

        return push_once(tmp_path / "note", words, url, "team/once", make)

    first, done = push("one")
    assert done == "pushed"
    assert push("one") == (first, "kept")
    assert push("two")[1] == "pushed"
    assert made == ["one", "two"]


def test_an_image_that_the_registry_has_lost_is_pushed_again(url: str, tmp_path: Path) -> None:
    (tmp_path / "note").write_text(f"one sha256:{'0' * 64}")
    pushed, done = push_once(
        tmp_path / "note",
        "one",
        url,
        "team/lost",
        lambda: push_image(url, "team/lost", "v1", {"/words": File(b"lost")}, entrypoint=["/words"]),
    )
    assert done == "pushed"
    assert has_image(url, "team/lost", pushed.digest)


def test_a_root_file_system_becomes_an_image_with_modes_and_links(url: str, tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/program").write_text("words")
    (tmp_path / "usr/bin/program").chmod(0o4755)
    (tmp_path / "usr/bin/nowhere").symlink_to("/no/such")
    (tmp_path / "bin").symlink_to("usr/bin")
    push_image(url, "team/root", "v1", tree(tmp_path), entrypoint=["/bin/program"])
    _, layer = pulled(url, "team/root", "v1")
    assert layer.getmember("usr/bin/program").mode == 0o4755
    assert layer.getmember("usr/bin/nowhere").linkname == "/no/such"
    assert layer.getmember("bin").linkname == "usr/bin"
    assert "bin/program" not in layer.getnames()


def test_a_registry_says_whether_it_has_an_image(url: str) -> None:
    assert not has_image(url, "team/none", "v1")


def test_a_refusal_is_an_error_with_the_registrys_words(url: str) -> None:
    with pytest.raises(PushError, match=r"the registry answered 4\d\d: .*"):
        push_image(url, "team/app", "-no-tag", {}, entrypoint=["/x"])


def test_a_registry_that_is_not_there_is_an_error_that_names_it() -> None:
    nowhere = f"http://127.0.0.1:{ports.free_port()}"
    with pytest.raises(PushError, match=nowhere):
        push_image(nowhere, "team/app", "v1", {}, entrypoint=["/x"])


def test_an_address_that_is_no_open_registry_is_refused() -> None:
    with pytest.raises(PushError, match="an address like http://127"):
        push_image("https://127.0.0.1:5000", "team/app", "v1", {}, entrypoint=["/x"])


def test_hello_says_its_words_and_other_words_are_another_image(url: str) -> None:
    repository = "000000000000/eu-central-1/team/hello"
    first = busybox.push_hello(url, repository, "1", "good morning")
    assert first.digest != busybox.push_hello(url, repository, "2", "good evening").digest
    config, layer = pulled(url, repository, "1")
    words = layer.extractfile("hello.txt")
    assert words is not None
    assert words.read() == b"good morning\n"
    assert "cat /hello.txt" in json.dumps(config)


def test_pause_ends_at_once_on_sigterm(url: str, tmp_path: Path) -> None:
    busybox.push_pause(url)
    config, layer = pulled(url, "everpull/pause", "1")
    # Not as an argument, which Debian 12's Python 3.11.2 doesn't know; without either, newer ones warn.
    layer.extraction_filter = lambda member, _: member
    layer.extractall(tmp_path)  # noqa: S202 - made by us
    settings = config["config"]
    assert isinstance(settings, dict)
    entrypoint: list[str] = settings["Entrypoint"]
    # In a root of its own and as process 1 of a pid namespace, for which a signal without a handler is ignored.
    inside = ["unshare", "--pid", "--fork", "--kill-child", f"--root={tmp_path}", *entrypoint]
    with subprocess.Popen(inside, env={"PATH": "/bin"}) as process:
        script = f"kill -TERM $(cat /proc/{process.pid}/task/{process.pid}/children)"
        deadline = 100
        while process.poll() is None and deadline:
            deadline -= 1
            subprocess.run(["sh", "-c", script], capture_output=True, check=False)
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert process.poll() == 0


def test_a_busybox_that_needs_a_loader_is_refused(tmp_path: Path) -> None:
    dynamic = tmp_path / "busybox"
    dynamic.write_bytes(b"\x7fELF" + bytes(600) + b"/lib64/ld-linux-x86-64.so.2\0")
    with pytest.raises(busybox.BusyboxError, match="busybox-static"):
        busybox.find((str(dynamic), str(tmp_path / "none")))
