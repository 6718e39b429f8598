"""The JSON Schema of the report: ``python -m normalizer.schema > docs/schema/report.json``."""

import json
import sys
from typing import Any

from normalizer.report import VERSION, Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of a report as it is written on a queue."""
    made = Report.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": f"urn:kanal:report:{VERSION}", **made}


def document() -> str:
    """Return the schema as the text of ``docs/schema/report.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
