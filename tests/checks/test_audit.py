import json

import pytest

from checks import audit

SOUND = {"name": "boto3", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "not found"}
VULNERABLE = {
    "name": "pyyaml",
    "version": "5.3",
    "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"], "aliases": [], "description": ""}],
}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str | audit.AuditFailed]:
    """What pip-audit says on each call; nothing bad once there are no more."""
    prepared: list[str | audit.AuditFailed] = []

    def answer(arguments: object) -> audit.Findings:
        said = prepared.pop(0) if prepared else report(SOUND)
        if isinstance(said, audit.AuditFailed):
            raise said
        return audit.findings(said)

    monkeypatch.setattr(audit, "audit", answer)
    monkeypatch.delenv("EVERPULL_AUDIT", raising=False)
    return prepared


def test_a_vulnerability_is_named_with_its_mend() -> None:
    found = audit.findings(report(SOUND, VULNERABLE))
    assert found == audit.Findings(2, ("pyyaml 5.3: PYSEC-2021-142, mended in 5.4",), ())


def test_what_the_interpreter_brought_is_not_ours() -> None:
    assert audit.findings(report({**VULNERABLE, "name": "setuptools"})).asked == 0


def test_a_vulnerability_fails_the_check(
    answers: list[str | audit.AuditFailed], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [report(VULNERABLE)]
    assert audit.main() == 1
    assert "pyyaml 5.3: PYSEC-2021-142" in capsys.readouterr().err


def test_a_clean_report_passes_in_silence(
    answers: list[str | audit.AuditFailed], capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main() == 0
    assert capsys.readouterr().err == ""


def test_what_has_an_environment_of_its_own_is_asked_about(
    answers: list[str | audit.AuditFailed], capsys: pytest.CaptureFixture[str]
) -> None:
    for file in audit.PINNED_APART:
        assert file.is_file()
        answers += [report(SOUND)] * (1 + audit.PINNED_APART.index(file)) + [report(VULNERABLE)]
        assert audit.main() == 1
        assert f"pip-audit: {file}: pyyaml" in capsys.readouterr().err
        answers.clear()


@pytest.mark.parametrize("unanswered", [report(SOUND, UNKNOWN), audit.AuditFailed("no network")])
@pytest.mark.parametrize(("setting", "status"), [("", 0), ("required", 1)])
def test_what_was_not_audited_is_said_aloud_and_fails_where_required(
    answers: list[str | audit.AuditFailed],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    unanswered: str | audit.AuditFailed,
    setting: str,
    status: int,
) -> None:
    monkeypatch.setenv("EVERPULL_AUDIT", setting)
    answers += [unanswered]
    assert audit.main() == status
    assert "NOT AUDITED" in capsys.readouterr().err


def test_a_pip_audit_that_fails_to_start_gives_its_own_reason() -> None:
    with pytest.raises(audit.AuditFailed, match="no-such-option"):
        audit.audit(["--no-such-option"])


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(audit.AuditFailed, match="not a report"):
        audit.findings("oh no")
