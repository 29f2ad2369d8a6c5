"""Small images out of the machine's static busybox: the pause of every pod and the demo's hello."""

from pathlib import Path

from local.registry.images import File, Pushed, push_image

# Ends at once on SIGTERM, although it is process 1, for which signals without a handler are ignored.
_PATH = {"PATH": "/bin"}
_WAIT = "trap 'exit 0' TERM INT; while :; do busybox sleep 3600 & wait $!; done"


class BusyboxError(Exception):
    """No statically linked busybox; the text says what to install."""


def find(places: tuple[str, ...] = ("/bin/busybox", "/usr/bin/busybox")) -> Path:
    """The machine's static busybox.

    Raises:
        BusyboxError: there is none, or it needs a loader and libraries, which an image of one file doesn't have.
    """
    for place in map(Path, places):
        # A dynamic program names its loader (PT_INTERP) in its first page; a static one has none.
        if place.exists():
            with place.open("rb") as program:
                if b"/ld-" not in program.read(4096):
                    return place
    raise BusyboxError(f"no static busybox at {' or '.join(places)}: install the Debian package busybox-static")


def files(busybox: Path) -> dict[str, File]:
    """busybox itself and the names under which a shell finds it."""
    return {"/bin/busybox": File(busybox, 0o755), "/bin/sh": File(link="busybox")}


def push_pause(registry_url: str) -> Pushed:
    """The image that holds a pod's namespaces. Raises BusyboxError or PushError."""
    return push_image(
        registry_url, "everpull/pause", "1", files(find()), entrypoint=["/bin/sh", "-c", _WAIT], environment=_PATH
    )


def push_hello(registry_url: str, repository: str, tag: str, words: str) -> Pushed:
    """An image that says `words` and then runs until it is told to end; other words make another digest.

    `repository` on the backend registry is ACCOUNT/REGION/NAME for the image that pods call
    ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME. Raises BusyboxError or PushError.
    """
    content = {**files(find()), "/hello.txt": File(f"{words}\n".encode())}
    script = f"busybox cat /hello.txt; {_WAIT}"
    return push_image(registry_url, repository, tag, content, entrypoint=["/bin/sh", "-c", script], environment=_PATH)
