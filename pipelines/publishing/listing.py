"""What a repository holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.evaluation.gate import NAIVE
from pipelines.publishing.publishing import Repository
from pipelines.publishing.versions import version_folders
from pipelines.spec import ForecastSpec
from pipelines.training.checks import load_as_server


@dataclass(frozen=True)
class Listed:
    """One version of one model."""

    model: str
    version: int
    labels: tuple[str, ...]
    """Its labels; of a model without any, "newest" for the version that serves."""
    spec: ForecastSpec

    @property
    def skill(self) -> float | None:
        """Share of the best naive forecast's error that it saved on the weeks it was tested on.

        None where it has no record, or that no naive forecast.
        """
        record = self.spec.training
        if record is None:
            return None
        best_kw = min((record.naive_mae_kw[name] for name in NAIVE if name in record.naive_mae_kw), default=0)
        return 1 - record.mae_kw / best_kw if best_kw else None


def list_versions(repository: Repository) -> Iterator[Listed]:
    """Every version, by model and number."""
    served = repository.config.served()
    for model in sorted(entry.name for entry in repository.folder.iterdir() if entry.is_dir()):
        stable = repository.stable(model)
        known = served[model].labels if model in served else {}
        for number, folder in version_folders(repository.folder, model).items():
            labels = tuple(sorted(label for label, of in known.items() if of == number))
            if not known and number == stable:
                labels = ("newest",)
            with load_as_server(folder) as loaded:
                yield Listed(model, number, labels, loaded.spec())
