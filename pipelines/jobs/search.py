"""The settings of a search, chosen by the tree-structured Parzen estimator of Optuna (extra `optuna`).

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework" (2019). Nothing of it is kept
in a file: a search that goes on is told again what its earlier settings gave.
"""

from __future__ import annotations

from typing import Any

from pipelines.errors import UsageError
from pipelines.jobs.sweep_file import Range, Search, Setting, flow


class Study:
    """What a search knows.

    Args:
        search: Of the sweep file.
        known: Settings that were made before; the sampler is seeded by their number, too.

    Raises:
        UsageError: When Optuna is not installed.
    """

    def __init__(self, search: Search, known: int = 0) -> None:
        try:
            import optuna
        except ImportError:
            raise UsageError("search: Optuna is not installed: pip install '.[optuna]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna: Any = optuna
        self._search = search
        self._distributions = {key: self._distribution(tried) for key, tried in search.keys.items()}
        sampler = self._optuna.samplers.TPESampler(seed=(search.seed + known) % 2**32)
        direction = "maximize" if search.maximise else "minimize"
        self._study = self._optuna.create_study(sampler=sampler, direction=direction)

    def _distribution(self, tried: Range | list[Any]) -> Any:
        distributions = self._optuna.distributions
        if not isinstance(tried, Range):
            return distributions.CategoricalDistribution([flow(value) for value in tried])
        if tried.whole:
            return distributions.IntDistribution(int(tried.low), int(tried.high), log=tried.log)
        return distributions.FloatDistribution(tried.low, tried.high, log=tried.log)

    def ask(self) -> Setting:
        """The next setting to try."""
        params = self._study.ask(self._distributions).params
        setting = {}
        for key, tried in self._search.keys.items():
            setting[key] = tried.text(params[key]) if isinstance(tried, Range) else str(params[key])
        return setting

    def tell(self, setting: Setting, value: float | None) -> None:
        """What a setting gave; None where all its runs failed."""
        params: dict[str, Any] = {}
        for key, tried in self._search.keys.items():
            text = setting[key]
            number = int if isinstance(tried, Range) and tried.whole else float
            params[key] = number(text) if isinstance(tried, Range) else text
        states = self._optuna.trial.TrialState
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=params,
                distributions=self._distributions,
                value=value,
                state=states.FAIL if value is None else states.COMPLETE,
            )
        )
