"""State that survives kill -9: what an API call changed is on disk before the call is answered.

ministack itself saves on an orderly end only. Its files and formats are kept, so its own loading at start restores them.
What changes without a call (log lines, queue messages, function states, when a rule last fired) is saved by a sweep at
most a second later. A Lambda event that is being retried in that moment is lost; on AWS its queue would keep it.
"""

import asyncio
import copy
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator, around, replace

_SWEEP_SECONDS = 1.0
_log = logging.getLogger("everpull.persistence")


class Store:
    """Writes each service's state when it differs from what was written last."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._folder = emulator.settings.data_dir / "state"
        self._written: dict[str, str] = {}
        self._sweeps_due = 0
        _keep_sessions(emulator.sts)
        _keep_firing_times(emulator.events)
        around(emulator.functions, "_execute_function", self._touching)
        around(emulator.functions, "_route_async_failure", self._touching)

    def _touch(self) -> None:
        # More than one: a function becomes Active half a second after the call that made it.
        self._sweeps_due = 3

    def _touching(self, execute: Any) -> Any:
        def executed(*arguments: Any, **named: Any) -> Any:
            try:
                return execute(*arguments, **named)
            finally:
                self._touch()

        return executed

    def save(self, service: str) -> None:
        """Save what a call to `service` may have changed. Raises OSError when the disk refuses."""
        self._touch()
        web = self._emulator.web
        config = web.SERVICE_REGISTRY.get(service)
        if config is None:
            return
        modules = {config["module"], *config.get("sub_modules", ())}
        states = web._build_persistence_save_dict()
        for key, module in web._state_map.items():
            if module in modules and key in states:
                self._write(key, states[key]())

    async def sweep(self) -> None:
        """Save whatever changed, again and again, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            if not self._sweeps_due:
                continue
            self._sweeps_due -= 1
            for key, state in self._emulator.web._build_persistence_save_dict().items():
                try:
                    self._write(key, state())
                except (OSError, RuntimeError) as error:
                    # RuntimeError: a function's thread changed a table while it was read. Both: again next time.
                    self._touch()
                    _log.warning("state of %s is not saved yet: %s", key, error)
                await asyncio.sleep(0)

    def _write(self, key: str, state: Any) -> None:
        if state is None:
            return
        persistence = self._emulator.persistence
        document = {"__ministack_format__": persistence._state_format_version(key), "payload": state}
        text = json.dumps(document, default=persistence._json_default)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if self._written.get(key) == digest:
            return
        # Not ministack's own temporary name: its shutdown writes these files too.
        _replace_file(self._folder / f"{key}.json", text)
        self._written[key] = digest


def _replace_file(path: Path, text: str) -> None:
    fresh = path.with_suffix(".json.new")
    fresh.write_text(text)
    fresh.replace(path)


def _keep_sessions(sts: Any) -> None:
    """ministack forgets STS sessions; real ones live until they end."""

    def get_state() -> dict[str, Any]:
        return {"sessions": copy.deepcopy(sts._sessions)}

    def load_persisted_state(state: dict[str, Any]) -> None:
        sts._sessions.update(state.get("sessions", {}))

    replace(sts, "get_state", get_state)
    replace(sts, "load_persisted_state", load_persisted_state)


def _keep_firing_times(events: Any) -> None:
    """Without them every schedule rule that is older than its interval would fire at each start."""

    def saving(get_state: Any) -> Any:
        def saved() -> dict[str, Any]:
            fired = [[*key, at] for key, at in events._rule_last_fired.items()]
            return {**get_state(), "everpull_last_fired": fired}

        return saved

    def loading(load_persisted_state: Any) -> Any:
        def loaded(state: dict[str, Any]) -> None:
            load_persisted_state(state)
            for account, region, rule, at in state.get("everpull_last_fired", []):
                events._rule_last_fired[account, region, rule] = at

        return loaded

    around(events, "get_state", saving)
    around(events, "load_persisted_state", loading)
