"""The JSON Schema of verdict.json, made from its typed form; docs/build.py writes it into the reference."""

import json
from typing import Any

import msgspec

from fairpoll.verdicts.verdict_json import OPTIONAL, JudgedRun, JudgedSuites


def schema() -> dict[str, Any]:
    """The JSON Schema of a verdict.json, whether of a whole Robot run or of one recording.

    Each key is required that is always written; a reader makes do without those that have a default.
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
    """The same as the text of the file."""
    return json.dumps(schema(), indent=2) + "\n"
