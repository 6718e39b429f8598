"""Prometheus metrics: counted here, shown by ``/metrics``. No label ever names a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

REGISTRY = CollectorRegistry()

INTAKE = Counter(
    "kanal_intake",
    "Messages by what the door made of them",
    ["channel", "outcome"],
    registry=REGISTRY,
)
UNDER_WAY = Gauge(
    "kanal_intake_under_way",
    "Messages at the doors that are whole and not durable yet",
    registry=REGISTRY,
)
SHED = Counter(
    "kanal_shed",
    "Messages refused because more came than becomes durable in time, or connections than fit",
    ["channel", "reason"],
    registry=REGISTRY,
)
LOOKS = Counter(
    "kanal_looks",
    "Looks at a provider by what came of them: ok, or the error's name",
    ["channel", "work", "outcome"],
    registry=REGISTRY,
)
LOOKED = Gauge(
    "kanal_last_look_timestamp_seconds",
    "When the last look at a provider succeeded",
    ["channel", "work"],
    registry=REGISTRY,
)
RECOVERED = Counter(
    "kanal_recovered",
    "Messages fetched that an outage had kept from us",
    ["channel"],
    registry=REGISTRY,
)
SPOOLED = Counter("kanal_spooled", "Items written to the spool", registry=REGISTRY)
ROUTED = Counter(
    "kanal_routed",
    "Messages by what routing made of them",
    ["channel", "outcome"],
    registry=REGISTRY,
)
DELIVERED = Counter(
    "kanal_deliveries", "Deliveries to agencies", ["agency", "outcome"], registry=REGISTRY
)
REFUSED = Counter(
    "kanal_refusals",
    "Reports that agencies refused (bukan wewenang), by where each went then",
    ["outcome"],
    registry=REGISTRY,
)
NOTIFIED = Counter(
    "kanal_notifications", "Notifications to citizens", ["channel", "outcome"], registry=REGISTRY
)
ALERTED = Counter(
    "kanal_alerts", "Alerts to posts on duty", ["channel", "outcome"], registry=REGISTRY
)
UNCERTAIN = Counter(
    "kanal_notifications_uncertain",
    "Notifications that may have left without our knowing",
    ["channel"],
    registry=REGISTRY,
)
UNREAD = Gauge(
    "kanal_reports_unread",
    "Reports that were not fetched yet from the inbox of their agency",
    registry=REGISTRY,
)
ESCALATED = Counter(
    "kanal_escalated", "Reports that came to a coordinator, each level once", registry=REGISTRY
)
PUT_BACK = Counter(
    "kanal_put_back", "Messages that a queue had lost and that were put back", registry=REGISTRY
)
UNHEARD = Gauge(
    "kanal_alerts_unheard", "Alerts nobody of the whole roster answered", registry=REGISTRY
)
FILES = Counter(
    "kanal_files",
    "Files of reports by what became of them",
    ["channel", "state"],
    registry=REGISTRY,
)
RETRIED = Counter(
    "kanal_retries", "Attempts that failed and come again", ["queue"], registry=REGISTRY
)
BURIED = Counter("kanal_buried", "Messages that failed for good", ["queue"], registry=REGISTRY)
DUE_FAILED = Counter(
    "kanal_due_failures", "Tries to do what was due that failed", ["kind"], registry=REGISTRY
)
DUE_LATE = Gauge(
    "kanal_due_late", "Moments that passed with nothing done", ["kind"], registry=REGISTRY
)
STEP = Histogram(
    "kanal_step_seconds",
    "How long a step took per batch",
    ["step"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
DEPTH = Gauge("kanal_queue_depth", "Messages that wait", ["queue"], registry=REGISTRY)
AGE = Gauge(
    "kanal_queue_oldest_seconds",
    "Age of the oldest unfinished message",
    ["queue"],
    registry=REGISTRY,
)
DEAD = Gauge("kanal_dead_letters", "Dead letters", ["queue"], registry=REGISTRY)
NOT_KEPT = Counter(
    "kanal_quarantine_not_kept",
    "Noise the quarantine had no room for",
    ["channel", "reason"],
    registry=REGISTRY,
)
HELD = Gauge("kanal_quarantine_open", "Quarantined messages nobody has decided", registry=REGISTRY)
SPOOL = Gauge("kanal_spool_batches", "Batches waiting in the spool", registry=REGISTRY)
EXCHANGES_DROPPED = Counter(
    "kanal_exchanges_dropped",
    "Calls to and by providers that were not written down",
    ["channel"],
    registry=REGISTRY,
)
ROUTE_DELAY = Histogram(
    "kanal_route_delay_seconds",
    "From the door to the decision",
    ["channel"],
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800),
)
DELIVERY_DELAY = Summary(
    "kanal_delivery_delay_seconds", "From the decision to the agency", ["agency"], registry=REGISTRY
)
NOTIFICATION_DELAY = Summary(
    "kanal_notification_delay_seconds",
    "From what is to be told to the channel",
    ["channel"],
    registry=REGISTRY,
)
