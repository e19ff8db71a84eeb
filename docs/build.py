"""Generates documentation: keyword pages, and the reference pages that follow from code.

    python docs/build.py [KEYWORDS [DOCS]]

The folder KEYWORDS (default docs/keywords) gets one page for each keyword library and resource file, the
folder DOCS (default docs) the pages named in PAGES; by default it also writes the schema of scenario files.
Not part of the package, whose engine never imports Robot Framework. Exit code 1 if libdoc could not write a
page; it prints the reason.
"""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pages import (
    GENERATED,
    clusters_page,
    commands_page,
    faults_page,
    run_page,
    scenario_page,
    settings_page,
    subject_page,
    table,
)

from fairpoll.checkers import CRITERIA, RUN_CRITERIA, Criterion
from fairpoll.contract.evidence_kinds import EVIDENCE
from fairpoll.evidence.querying import TABLES
from fairpoll.scenarios.file import schema
from fairpoll.verdicts.schema import schema as verdict_schema
from fairpoll.verdicts.schema import schema_text

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "libraries" / "fairpoll"
DOCS = ROOT / "docs"
SCENARIO_SCHEMA = PACKAGE / "scenarios" / "scenario.schema.json"
FINDING = {"fail": "fails with", "inconclusive": "is inconclusive with"}


def build(keywords: Path = DOCS / "keywords", docs: Path = DOCS) -> int:
    """Write all pages; return 0 if every keyword page could be written, else 1."""
    for folder in (keywords, docs / "reference", docs / "explanation"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in PAGES.items():
        (docs / name).write_text(content(), "utf-8")
    if docs == DOCS:
        SCENARIO_SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n", "utf-8")
    sources = [*(PACKAGE / "keywords").glob("*Library.py"), *(ROOT / "resources").glob("*.resource")]
    failed = 0
    for source in sorted(sources):
        page_path = keywords / f"{source.stem}.html"
        command = [sys.executable, "-m", "robot.libdoc", "--docformat", "MARKDOWN"]
        command += [str(source), str(page_path)]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return int(failed > 0)


def criteria_page() -> str:
    """Every criterion with its keyword, thresholds and needed evidence, by family."""
    page = [
        "# Criteria\n\n",
        GENERATED.format(source="the registry of criteria in `libraries/fairpoll/checkers`"),
        "Times are in the scenario's own time. `Every Delivery Guarantee Should Hold` judges all criteria "
        "that are marked *guarantee*: what at-least-once delivery promises under any load. Criteria marked "
        "*load* are inconclusive where "
        "[doubts](../explanation/how-the-judge-decides.md#pass-fail-inconclusive) about the load forbid a "
        "verdict. The sentences are those for a small recording in which everything goes wrong. "
        "[How to add one](../how-to/add-a-criterion.md).\n",
    ]
    families: dict[str, list[Criterion]] = {}
    for criterion in (*RUN_CRITERIA.values(), *CRITERIA.values()):
        families.setdefault(criterion.family, []).append(criterion)
    for family, criteria in families.items():
        page += [f"\n## {family.capitalize()}\n", *map(_criterion, criteria)]
    return "".join(page)


def _criterion(criterion: Criterion) -> str:
    marks = ["guarantee"] * criterion.guarantee + ["load"] * criterion.depends_on_load
    kinds = [EVIDENCE[kind] for kind in criterion.all_needs]
    needs = "; needs " + " and ".join(f"{kind.what} ({kind.source})" for kind in kinds) if kinds else ""
    head = f"`{criterion.keyword}`{needs}{''.join(f'; *{mark}*' for mark in marks)}"
    paragraphs = [" ".join(part.split()) for part in criterion.documentation.split("\n\n")]
    thresholds = (
        (f"`{t.name}`", t.unit.name, t.unit.meaning, "" if t.required else f"default `{t.default}`")
        for t in criterion.thresholds.values()
    )
    listed = table(("threshold", "unit", "what", ""), thresholds) if criterion.thresholds else ""
    shown = "\n".join(f"- {FINDING[status]}: `{sentence}`" for status, sentence in _sentences(criterion.name))
    text = "\n\n".join([head, *paragraphs, *([listed.rstrip()] if listed else []), shown])
    return f"\n### {criterion.name}\n\n{text}\n"


def _sentences(criterion: str) -> Iterator[tuple[str, str]]:
    found = _support("sentences").sentences(criterion)
    if not found:
        raise SystemExit(f"no recording of tests/support/sentences.py makes {criterion} fail")
    yield from found.items()


def _support(module: str) -> Any:
    """A module of tests/support, which makes recordings and reads the suites of tests/must_fail."""
    folder = str(ROOT / "tests" / "support")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(module)


def kill_table_page() -> str:
    """The page about the kill table, with the table made anew."""
    page = (DOCS / "explanation" / "who-judges-the-judge.md").read_text("utf-8")
    rows = (
        (
            kill.consumer,
            " ".join((f"[{kill.criterion}](../reference/criteria.md#{kill.criterion})", *kill.thresholds)),
            ", ".join(kill.consequences),
        )
        for kill in _support("kill_table").kills()
    )
    made = table(("broken consumer", "caught by", "may fail too, by the same defect"), rows)
    return re.sub(r"^\| broken consumer \|.*?\n(?=\n)", lambda _: made, page, flags=re.MULTILINE | re.DOTALL)


def verdict_page() -> str:
    """Every key of verdict.json, with the description in its schema."""
    page = [
        "# verdict.json\n\n",
        GENERATED.format(source="[its JSON Schema](verdict.schema.json)"),
        "The file beside `log.html` is about a whole run of suites, the one beside each recording, in "
        "`evidence/`, about that recording. Keys may be added; none is renamed, and none is removed.\n",
    ]
    for name, entry in verdict_schema()["$defs"].items():
        if entry.get("properties"):
            required = entry.get("required", [])
            rows = (
                (
                    f"**`{key}`**" if key in required else f"`{key}`",
                    _kind(value),
                    value.get("description", ""),
                )
                for key, value in entry["properties"].items()
            )
            page += [f"\n## {name}\n\n", f"{entry['description']}\n\n"]
            page += [table(("key", "type", "what"), rows)]
    return "".join(page)


def _kind(entry: Mapping[str, Any]) -> str:
    if "$ref" in entry:
        return str(entry["$ref"]).rpartition("/")[2]
    if "anyOf" in entry:
        return " or ".join(map(_kind, entry["anyOf"]))
    kind = entry.get("type", "one of " + ", ".join(entry.get("enum", ())))
    inner = entry.get("items") or entry.get("additionalProperties") or {}
    name = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{name} of {_kind(inner)}" if isinstance(inner, dict) and inner else name


def tables_page() -> str:
    """The tables that `fairpoll query` offers."""
    page = "# The tables of a recording\n\n" + GENERATED.format(source="`fairpoll.evidence.querying.TABLES`")
    page += """\
`fairpoll query FOLDER "select ..."` answers questions in the SQL of DuckDB. Times are scenario seconds from
the start of the live traffic; topics have the scenario's names. The tables are copies: a query cannot
change the recording, and it reaches no other file. `--format csv` and `--format json` are for programs.

```text
fairpoll query FOLDER "select consumer, topic, count(*), max(waited) from deliveries group by consumer, topic"
```
"""
    for name, columns in TABLES.items():
        rows = [(f"`{column}`", meaning) for column, meaning in columns.items()]
        page += f"\n## {name}\n\n" + table(("column", "meaning"), rows)
    return page


PAGES: dict[str, Callable[[], str]] = {
    "reference/scenario.md": scenario_page,
    "reference/subject.md": subject_page,
    "reference/settings.md": settings_page,
    "reference/clusters.md": clusters_page,
    "reference/faults.md": faults_page,
    "reference/commands.md": commands_page,
    "reference/criteria.md": criteria_page,
    "reference/tables.md": tables_page,
    "reference/run-json.md": run_page,
    "reference/verdict-json.md": verdict_page,
    "reference/verdict.schema.json": schema_text,
    "explanation/who-judges-the-judge.md": kill_table_page,
}

if __name__ == "__main__":
    sys.exit(build(*map(Path, sys.argv[1:3])))
