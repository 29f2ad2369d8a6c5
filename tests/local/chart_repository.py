"""A chart repository on loopback that holds the External Secrets Operator's chart as its releases have it."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from local import helm
from local.cluster.operator import crds_of
from local.paths import current


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Says nothing."""


def in_bundle() -> list[dict[str, Any]]:
    """The CRDs that the operator's module holds."""
    return crds_of((current().share / "external-secrets" / "crds.yaml").read_bytes())


def _with_crds(chart: Path) -> None:
    """Add the CRDs to the chart, each only if its values ask for it, as the operator's release pipeline does.

    They are files that the templates insert, so that nothing in them is taken for a template. The annotations that
    `crds.annotations` would add to them are left out.
    """
    values: dict[str, Any] = yaml.safe_load((chart / "values.yaml").read_text())
    (chart / "files" / "crds").mkdir()
    for crd in in_bundle():
        file = f"{crd['spec']['names']['singular']}.yaml"
        (chart / "files" / "crds" / file).write_text(yaml.safe_dump(crd))
        option = f"create{crd['spec']['names']['kind']}"
        asked = f"and .Values.installCRDs .Values.crds.{option}" if option in values["crds"] else ".Values.installCRDs"
        text = f'{{{{- if {asked} }}}}\n{{{{ .Files.Get "files/crds/{file}" }}}}\n{{{{- end }}}}\n'
        (chart / "templates" / "crds" / file).write_text(text)


@contextlib.contextmanager
def chart_repository(folder: Path) -> Iterator[str]:
    """The URL for `helm repo add`, served until the block ends. `folder` is new or empty, and holds the repository.

    Raises:
        HelmError: Helm doesn't take the chart.
    """
    chart, served = folder / "external-secrets", folder / "served"
    helm.write_chart(current(), chart)
    _with_crds(chart)
    homes = helm.homes(folder / "helm")
    helm.run(current(), ["package", str(chart), "--destination", str(served)], homes)
    helm.run(current(), ["repo", "index", str(served)], homes)
    handler = functools.partial(_Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
