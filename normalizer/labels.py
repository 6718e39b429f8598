"""What citizens and officers read for the words of the schema: Indonesian first, then English."""

from typing import Final, Literal

from normalizer.message import Kind
from normalizer.report import Status

Tongue = Literal["id", "en"]

KIND_LABELS: Final[dict[Kind, dict[Tongue, str]]] = {
    Kind.SUPERVISED_COMPLAINT: {
        "id": "Pengaduan Berkadar Pengawasan",
        "en": "Complaint subject to supervision",
    },
    Kind.COMPLAINT: {"id": "Pengaduan Tidak Berkadar Pengawasan", "en": "Complaint"},
    Kind.ASPIRATION: {"id": "Aspirasi", "en": "Aspiration"},
    Kind.INFORMATION_REQUEST: {"id": "Permintaan Informasi", "en": "Request for information"},
}

STATUS_LABELS: Final[dict[Status, dict[Tongue, str]]] = {
    Status.RECEIVED: {"id": "Diterima", "en": "Received"},
    Status.WAITING_FOR_REPORTER: {
        "id": "Menunggu Kelengkapan Informasi",
        "en": "Waiting for more information",
    },
    Status.TRIAGE: {"id": "Dalam Verifikasi", "en": "Being verified"},
    Status.FORWARDED: {"id": "Diteruskan ke Instansi", "en": "Forwarded to the agency"},
    Status.IN_PROGRESS: {"id": "Dalam Proses", "en": "In progress"},
    Status.ANSWERED: {"id": "Sudah Ditanggapi", "en": "Answered"},
    Status.CLOSED_BY_SYSTEM: {"id": "Ditutup oleh Sistem", "en": "Closed by the system"},
    Status.CLOSED_BY_REPORTER: {"id": "Ditutup oleh Pelapor", "en": "Closed by the reporter"},
    Status.CLOSED_BY_ADMIN: {"id": "Ditutup oleh Admin", "en": "Closed by the administrator"},
    Status.ARCHIVED_BY_SYSTEM: {"id": "Diarsipkan oleh Sistem", "en": "Archived by the system"},
    Status.ARCHIVED_BY_REPORTER: {
        "id": "Diarsipkan oleh Pelapor",
        "en": "Archived by the reporter",
    },
    Status.ARCHIVED_BY_ADMIN: {
        "id": "Diarsipkan oleh Admin",
        "en": "Archived by the administrator",
    },
}

PRIVACY_LABELS: Final[dict[tuple[bool, bool], dict[Tongue, str]]] = {
    (False, False): {"id": "Terbuka", "en": "Open"},
    (True, False): {"id": "Anonim", "en": "Anonymous"},
    (False, True): {"id": "Rahasia", "en": "Confidential"},
    (True, True): {"id": "Anonim, Rahasia", "en": "Anonymous, confidential"},
}
"""By (anonymous, confidential)."""
