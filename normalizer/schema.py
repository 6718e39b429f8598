"""The JSON Schemas of what travels: ``python -m normalizer.schema docs/schema`` writes them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from normalizer.message import VERSION, Message, Value
from normalizer.report import Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: Mapping[str, type[Value]] = {"message": Message, "report": Report}
"""Name of the file → what it describes."""


def document(name: str) -> str:
    """Return one schema, as it is written on a queue, as the text of its file."""
    made = SCHEMAS[name].model_json_schema(mode="serialization")
    whole = {"$schema": DIALECT, "$id": f"urn:kanal:{name}:{VERSION}", **made}
    return json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in SCHEMAS:
        (folder / f"{name}.json").write_text(document(name))
