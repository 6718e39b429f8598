"""Whom to call, told at once: a page or a program shows its receipt before a step has run."""

from gateway.outbound.notifications import Notifier
from normalizer.message import Message, Urgency
from normalizer.report import Report
from router.assign import Router

HEAD = 2_000
"""Characters in which danger is looked for at intake; the step that routes reads all."""


class Warning:
    """Finds danger in what somebody just sent."""

    def __init__(self, router: Router, notifier: Notifier) -> None:
        self._topics = router.topics
        self._notifier = notifier

    def __call__(self, message: Message | Report) -> str:
        """Return whom to call in the danger that is told of; "" where there is none."""
        words = f"{message.title}\n{message.text}"[:HEAD]
        found = self._topics.urgency(self._topics.lexicon.read(words))
        if found is None:
            return ""
        return self._notifier.danger(message, Urgency(id=found.id, name=found.name))
