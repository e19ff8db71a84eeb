"""The JSON Schema of verdict.json, made from its typed form; docs/build.py writes it into the reference."""

import json
from typing import Any

import msgspec

from fairpoll.verdicts.verdict_json import OPTIONAL, JudgedRun, JudgedSuites


def schema() -> dict[str, Any]:
    """The JSON Schema of a verdict.json, of a whole Robot run or of one recording.

    Every key that is always written is required, although readers accept files without some of them.
    """
    _, definitions = msgspec.json.schema_components([JudgedSuites, JudgedRun], ref_template="#/$defs/{name}")
    for entry in definitions.values():
        entry["required"] = [key for key in entry["properties"] if key not in OPTIONAL]
        entry["description"] = " ".join(entry["description"].partition("\n\n")[0].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "verdict.json",
        "anyOf": [{"$ref": "#/$defs/JudgedSuites"}, {"$ref": "#/$defs/JudgedRun"}],
        "$defs": definitions,
    }


def schema_text() -> str:
    """The schema as text, for a file."""
    return json.dumps(schema(), indent=2) + "\n"
