"""The life of every version: found, loaded, warmed up, served, retired.

One thread decides, so that no two decisions can cross; loading has threads of its own and tells it what came
of it. Requests only ever see what was published to the repository.
"""

import gc
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving import folders
from services.serving.config_file import ConfigFile
from services.serving.repository import Repository, ServedModel, VersionState
from services.serving.running import Runner, RunningModel
from services.serving.saved_model import SavedModel
from services.serving.status import StatusError

log = logging.getLogger(__name__)

LOAD_THREADS = 2
"""Versions loaded at a time: compiling in XLA, most of a load, leaves the interpreter free."""

_UNDER_WAY = (ModelVersionStatus.START, ModelVersionStatus.LOADING, ModelVersionStatus.UNLOADING)


@dataclass(frozen=True)
class Timing:
    """How often to look and to try again."""

    poll_s: float
    """Seconds between two looks at the base paths; 0: only when the configuration changes."""
    retries: int
    """Further attempts at a version that does not load."""
    retry_interval_s: float
    """Seconds between two of them."""


@dataclass
class _Version:
    folder: Path
    state: int = ModelVersionStatus.START
    model: RunningModel | None = None
    error: StatusError | None = None
    failures: int = 0
    retry_at: float = 0.0


@dataclass
class _Model:
    config: ModelConfig | None
    """None: not to be served any more."""
    wanted: dict[int, Path] = field(default_factory=dict)
    versions: dict[int, _Version] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    complaint: str = ""
    """What was last logged of its base path: said once, not at every look."""

    def is_available(self, version: int) -> bool:
        return version in self.versions and self.versions[version].state == ModelVersionStatus.AVAILABLE


class LifeCycle:
    """Keeps what is served equal to what is configured and on disk."""

    def __init__(
        self,
        repository: Repository,
        runner: Runner,
        prepare: Callable[[SavedModel, Path], None],
        timing: Timing,
        *,
        labels_for_unavailable: bool,
        config_file: ConfigFile | None = None,
    ) -> None:
        """Publish to `repository`; `prepare` makes a loaded version ready before it is available.

        Requests run models by `runner`. `labels_for_unavailable` lets a new label point to a version that
        is not available. `config_file` is read again by its own measure.
        """
        self._repository = repository
        self._runner = runner
        self._prepare = prepare
        self._timing = timing
        self._labels_for_unavailable = labels_for_unavailable
        self._config_file = config_file
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._loaders = ThreadPoolExecutor(LOAD_THREADS, thread_name_prefix="load")
        self._models: dict[str, _Model] = {}
        self._configs: list[ModelConfig] = []
        self._asked: Future[None] | None = None
        self._next_poll = float("inf")
        threading.Thread(target=self._run, name="life-cycle", daemon=True).start()

    def configure(self, configs: Sequence[ModelConfig]) -> "Future[None]":
        """Serve exactly these models, which were checked; returns at once.

        The future is done when each has a version available and its labels are set. It fails with StatusError
        when no version of a model loads (UNKNOWN), a label points to a version that is not available
        (FAILED_PRECONDITION) and when another configuration came first (ABORTED). Until its first version
        folder appears, a model is waited for.
        """
        done: Future[None] = Future()
        self._inbox.put(partial(self._configure, list(configs), done))
        return done

    def stop(self) -> None:
        """Load and unload nothing more; what is loading is not waited for."""
        self._inbox.put(None)
        self._loaders.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while True:
            try:
                event = self._inbox.get(timeout=self._idle_s())
                if event is None:
                    return
            except queue.Empty:
                event = _nothing  # something is due
            try:
                event()
                del event  # it may hold a model
                self._look_when_due()
                self._advance()
            except Exception:  # a bug of ours: without this thread nothing would ever be loaded again
                log.exception("bug in the life cycle of the models")

    def _idle_s(self) -> float | None:
        """Seconds until something is due; None: nothing is."""
        due = [self._next_poll, self._config_file.next_poll if self._config_file else float("inf")]
        for model in self._models.values():
            due += [
                version.retry_at
                for number, version in model.versions.items()
                if number in model.wanted and self._may_retry(version)
            ]
        left_s = min(due) - time.monotonic()
        return None if left_s == float("inf") else max(left_s, 0.0)

    def _may_retry(self, version: _Version) -> bool:
        return version.error is not None and version.failures <= self._timing.retries

    # What is asked for.

    def _configure(self, configs: list[ModelConfig], done: "Future[None]") -> None:
        self._answer(StatusError(StatusCode.ABORTED, "Another configuration came first"))
        self._asked = done
        self._configs = configs
        named = {config.name: config for config in configs}
        for name, model in self._models.items():
            model.config = named.get(name)
        for name, config in named.items():
            self._models.setdefault(name, _Model(config))
        self._look()

    def _look_when_due(self) -> None:
        if time.monotonic() >= self._next_poll:
            self._look()
        if self._config_file and time.monotonic() >= self._config_file.next_poll:
            configs = self._config_file.changed(self._configs)
            if configs is not None:
                done: Future[None] = Future()
                done.add_done_callback(self._config_file.applied)
                self._configure(configs, done)

    def _look(self) -> None:
        self._next_poll = time.monotonic() + self._timing.poll_s if self._timing.poll_s else float("inf")
        for model in self._models.values():
            if model.config is None:
                model.wanted = {}
                model.labels = {}
            else:
                self._look_at(model, model.config)
            for number, version in model.versions.items():
                if number not in model.wanted:
                    version.failures = 0  # should its folder come back, it is a new one
                    version.retry_at = 0.0

    def _look_at(self, model: _Model, config: ModelConfig) -> None:
        try:
            model.wanted = folders.wanted(config)
            complaint = ""
        except StatusError as error:
            complaint = error.message  # it may be away for a moment: nothing is unloaded for that
        else:
            if not model.wanted:
                complaint = f"No versions of servable {config.name} found under base path {config.base_path}"
        if complaint and complaint != model.complaint:
            log.warning("%s", complaint)
        model.complaint = complaint

    # What is done about it.

    def _advance(self) -> None:
        for name, model in self._models.items():
            self._load_missing(name, model)
            self._unload_surplus(name, model)
        self._settle()
        self._publish()

    def _load_missing(self, name: str, model: _Model) -> None:
        now = time.monotonic()
        for number, folder in model.wanted.items():
            version = model.versions.get(number)
            if version is not None and version.state != ModelVersionStatus.END:
                continue
            if version is None or version.error is None:
                version = model.versions[number] = _Version(folder)
            elif not self._may_retry(version) or now < version.retry_at:
                continue
            version.state = ModelVersionStatus.START
            version.error = None
            version.folder = folder
            self._loaders.submit(self._load, name, number, version)

    def _unload_surplus(self, name: str, model: _Model) -> None:
        """Unload what is not wanted, but never the last that answers while another is still wanted."""
        if model.wanted and not any(model.is_available(number) for number in model.wanted):
            return
        for number, version in model.versions.items():
            if number not in model.wanted and version.state == ModelVersionStatus.AVAILABLE:
                log.info("Unloading servable version {name: %s version: %d}", name, number)
                version.state = ModelVersionStatus.UNLOADING
                version.model = None  # closed when the last request lets go of it: see _closed

    def _publish(self) -> None:
        self._repository.publish(
            {
                name: ServedModel(
                    versions={
                        number: version.model
                        for number, version in model.versions.items()
                        if version.model is not None
                    },
                    labels=dict(model.labels),
                    others={
                        number: VersionState(version.state, version.error)
                        for number, version in model.versions.items()
                        if version.model is None
                    },
                    configured=model.config is not None,
                )
                for name, model in self._models.items()
            }
        )

    # What came of it.

    def _load(self, name: str, number: int, version: _Version) -> None:
        """On a loading thread."""
        self._inbox.put(partial(setattr, version, "state", ModelVersionStatus.LOADING))
        log.info("Loading servable version {name: %s version: %d} from %s", name, number, version.folder)
        try:
            model = SavedModel(version.folder)
            self._prepare(model, version.folder)
        except StatusError as error:
            # Not the error itself: its traceback would hold the half-loaded model.
            failure = StatusError(error.code, error.message)
        except Exception:
            log.exception("bug while loading %s", version.folder)
            failure = StatusError(StatusCode.INTERNAL, f"cannot load {version.folder}")
        else:
            # The finaliser is held by the interpreter, not by the model: no cycle, closed at once.
            weakref.finalize(
                model, self._inbox.put, partial(self._closed, name, number, version)
            ).atexit = False
            self._inbox.put(partial(self._loaded, name, number, version, self._runner.serve(name, model)))
            return
        self._inbox.put(partial(self._failed, name, number, version, failure))

    def _loaded(self, name: str, number: int, version: _Version, model: RunningModel) -> None:
        version.failures = 0
        if number not in self._models[name].wanted:
            version.state = ModelVersionStatus.UNLOADING  # it went while loading
            return
        log.info("Successfully loaded servable version {name: %s version: %d}", name, number)
        version.model = model
        version.state = ModelVersionStatus.AVAILABLE

    def _failed(self, name: str, number: int, version: _Version, failure: StatusError) -> None:
        log.error(
            "Loading servable version {name: %s version: %d} failed: %s: %s",
            *(name, number, failure.code.name, failure.message),
        )
        version.error = failure
        version.state = ModelVersionStatus.END
        version.failures += 1
        version.retry_at = time.monotonic() + self._timing.retry_interval_s
        gc.collect()  # graphs are cyclic

    def _closed(self, name: str, number: int, version: _Version) -> None:
        version.state = ModelVersionStatus.END
        gc.collect()  # the session went with its last reference; its graph is cyclic
        log.info("Unloaded servable version {name: %s version: %d}", name, number)

    # Whether the configuration asked for has been reached.

    def _settle(self) -> None:
        if self._asked is None:
            return
        lost: list[str] = []
        for config in self._configs:
            model = self._models[config.name]
            versions = {number: model.versions[number] for number in model.wanted}
            if not versions or any(version.state in _UNDER_WAY for version in versions.values()):
                return
            if not any(model.is_available(number) for number in versions):
                lost += [
                    f"{{name: {config.name} version: {number}}} due to error: "
                    f"{version.error.code.name}: {version.error.message}"
                    for number, version in versions.items()
                    if version.error
                ]
        if lost:
            error = f"Some models did not become available: {{{', '.join(lost)}}}"
            self._answer(StatusError(StatusCode.UNKNOWN, error))
            return
        try:
            self._check_labels()
        except StatusError as error:
            self._answer(error)
            return
        for config in self._configs:
            self._models[config.name].labels = dict(config.version_labels)
        self._publish()  # before the answer: whoever asked may use a label at once
        self._answer(None)

    def _check_labels(self) -> None:
        for config in self._configs:
            model = self._models[config.name]
            for label, number in config.version_labels.items():
                may_wait = self._labels_for_unavailable and label not in model.labels
                if not model.is_available(number) and not may_wait:
                    raise StatusError(
                        StatusCode.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {config.name}, which is not "
                        "currently available for inference",
                    )

    def _answer(self, error: StatusError | None) -> None:
        asked, self._asked = self._asked, None
        if asked is None or not asked.set_running_or_notify_cancel():
            return
        if error is None:
            asked.set_result(None)
        else:
            asked.set_exception(error)


def _nothing() -> None:
    """The event of nothing having happened but time."""
