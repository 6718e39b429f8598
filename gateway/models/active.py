"""The trained models a router works with: those that are active on disk, now and after training."""

import structlog

from config.settings import Settings
from gateway.models import registry
from gateway.models.registry import ModelError
from router.assign import Router

log = structlog.get_logger(__name__)

_UNREADABLE = "?"
"""In place of the name of a version that cannot be read; loading it says why."""


class ActiveModels:
    """Gives a router the models that are active, whenever it is told to look."""

    def __init__(self, settings: Settings, routing: Router) -> None:
        self._folder = registry.folder(settings)
        self._reports = settings.routing.reports
        self._routing = routing
        self._seen: dict[str, str] = {}

    def refresh(self) -> None:
        """Take into use what became active since the last look.

        What cannot be loaded is logged once; the router goes on as it was, and no report is lost.
        """
        for purpose in registry.PURPOSES:
            active = self._active(purpose)
            if active == self._seen.get(purpose, ""):
                continue
            self._seen[purpose] = active
            try:
                self._take(purpose)
            except ModelError as error:
                log.error("a trained model is not used", name=purpose, error=str(error))

    def _active(self, purpose: str) -> str:
        try:
            return registry.active_name(self._folder, purpose)
        except ModelError:
            return _UNREADABLE

    def _take(self, purpose: str) -> None:
        if purpose == "agency":
            self._routing.scorer = registry.scorer(self._folder, self._routing.register)
        else:
            self._routing.kinds = registry.kinds(self._folder, self._reports)
        log.info("trained model in use", name=purpose, version=self._seen[purpose] or "none")
