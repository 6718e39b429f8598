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
FILES = {
    "type": "array",
    "items": {"$ref": "#/$defs/Attachment"},
    "readOnly": True,
    "description": "The files of all messages in one list, where an agency gets the report.",
}


def document(name: str) -> str:
    """Return one schema, as it is written on a queue, as the text of its file."""
    made = SCHEMAS[name].model_json_schema(mode="serialization")
    if name == "report":
        made["properties"]["attachments"] = FILES
    whole = {"$schema": DIALECT, "$id": f"urn:kanal:{name}:{VERSION}", **made}
    return json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in SCHEMAS:
        (folder / f"{name}.json").write_text(document(name))
