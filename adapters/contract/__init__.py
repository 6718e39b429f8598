"""The contract of a channel: it verifies, parses and sends, and touches nothing else.

``verify`` and ``parse`` are synchronous and pure; adapters never write, publish, or decide what a
retry is. Everything is imported from here:

    channel        what every channel has: name, settings, what the shell may ask of it
    capabilities   what it may be able to do: Receiver, Poller, Sender ...
    mounts         routes of its own, and the ports they read and submit through
    keys           keys of partners
    values         what passes between a channel and the shell
    errors         what may go wrong

The errors a channel may raise:

    ChannelError            retryable says whether the same call may succeed later
    ├── Forged              the message does not carry a valid proof of its sender
    ├── Malformed           the message cannot be read
    │   └── Invalid         the caller is told what to mend, and still holds the message
    │       └── DuplicateId an id that was used before, for something else
    ├── Refused             the provider will never take this message
    ├── OptedOut            the citizen cannot be written to until they write again, or ask for it
    ├── UnknownReport       there is no such report, or the caller has no part in it (ports)
    ├── ReportClosed        nothing can be added to the report any more (ports)
    └── Unreachable         the provider did not answer
        ├── UnknownOutcome      it may have taken the message, and did not say so
        └── Throttled       the provider asked us to slow down (retry_after seconds)
"""

from adapters.contract.capabilities import (
    ConnectionChannel,
    Fetcher,
    FilledForm,
    FormReceiver,
    MediaSource,
    Poller,
    Receiver,
    Reconciler,
    Sender,
    SentList,
    SmtpReceiver,
    SystemSender,
    Take,
)
from adapters.contract.channel import Channel, ChannelSettings, SafeUrl
from adapters.contract.errors import (
    LONGEST_WAIT,
    ChannelError,
    DuplicateId,
    Forged,
    Invalid,
    Malformed,
    OptedOut,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
    Until,
    retry_after,
)
from adapters.contract.keys import Partner, PartnerKey, PartnerKeys, PartnerName, Scope
from adapters.contract.mounts import (
    RECEIVED_ON,
    SENDER,
    AgencyResponder,
    Handler,
    MountedRoute,
    MountPorts,
    Mounts,
    Own,
    PartnerReader,
    Quota,
    ReportClosed,
    ReportFilter,
    ReportReader,
    ReportUpdate,
    Service,
    UnknownReport,
    VisibleReport,
)
from adapters.contract.values import (
    CALLER,
    STAMP,
    AcceptedMessage,
    Outgoing,
    Page,
    Receipt,
    Source,
    UnreadableItem,
    WebhookRequest,
    WebhookResponse,
)
from adapters.exchange import Exchange
from normalizer.inbound import Author, File, Inbound, Segment

__all__ = [
    "CALLER",
    "LONGEST_WAIT",
    "RECEIVED_ON",
    "SENDER",
    "STAMP",
    "AcceptedMessage",
    "AgencyResponder",
    "Author",
    "Channel",
    "ChannelError",
    "ChannelSettings",
    "ConnectionChannel",
    "DuplicateId",
    "Exchange",
    "Fetcher",
    "File",
    "FilledForm",
    "Forged",
    "FormReceiver",
    "Handler",
    "Inbound",
    "Invalid",
    "Malformed",
    "MediaSource",
    "MountPorts",
    "MountedRoute",
    "Mounts",
    "OptedOut",
    "Outgoing",
    "Own",
    "Page",
    "Partner",
    "PartnerKey",
    "PartnerKeys",
    "PartnerName",
    "PartnerReader",
    "Poller",
    "Quota",
    "Receipt",
    "Receiver",
    "Reconciler",
    "Refused",
    "ReportClosed",
    "ReportFilter",
    "ReportReader",
    "ReportUpdate",
    "SafeUrl",
    "Scope",
    "Segment",
    "Sender",
    "SentList",
    "Service",
    "SmtpReceiver",
    "Source",
    "SystemSender",
    "Take",
    "Throttled",
    "UnknownOutcome",
    "UnknownReport",
    "Unreachable",
    "UnreadableItem",
    "Until",
    "VisibleReport",
    "WebhookRequest",
    "WebhookResponse",
    "retry_after",
]
