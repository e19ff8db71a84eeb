"""What CI runs, as far as it can be checked offline: files, commands, pins, permissions, schemas."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import documents
from fairpoll.cli import main as cli

ROOT = Path(__file__).parents[2]
CI = ROOT / ".github" / "workflows" / "ci.yml"
# The workflow that `fairpoll init` writes, and the action that judges a consumer in a repository of its own.
TEMPLATE = ROOT / "libraries" / "fairpoll" / "templates" / "fairpoll.yml"
ACTION = ROOT / "action.yml"
ACTIONS = [ACTION, *sorted((ROOT / ".github" / "actions").glob("*/action.yml"))]
GITHUB = [CI, TEMPLATE, *ACTIONS]
GITLAB = ROOT / ".gitlab-ci.yml"
GITLAB_ACCEPTANCE = ROOT / ".gitlab" / "acceptance.yml"
VARIABLES = (ROOT / "docs" / "reference" / "variables.md").read_text("utf-8")
EXPLAINED = "".join(
    path.read_text("utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
)
GITLAB_WORDS = {"workflow", "default", "variables"}
# The shell's own, and what every runner has; no command of the project.
SHELL = {
    "[",
    "if",
    "then",
    "fi",
    "for",
    "do",
    "done",
    "echo",
    "export",
    "cat",
    "tee",
    "bash",
    "jq",
    "exit",
    "$PYTHON",
}
MADE_THERE = ("results", "../results", ".venv", "$")


def loaded(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def steps(path: Path) -> list[dict[str, Any]]:
    content = loaded(path)
    parts = [content["runs"]] if "runs" in content else content["jobs"].values()
    return [step for part in parts for step in part["steps"]]


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    return {name: job for name, job in loaded(GITLAB).items() if name not in GITLAB_WORDS}


def included() -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the job that others include, and the job itself."""
    head, jobs = yaml.safe_load_all(GITLAB_ACCEPTANCE.read_text("utf-8"))
    return head["spec"]["inputs"], jobs["fairpoll"]


def command_options() -> set[str]:
    return {name for option in cli.command("test").params for name in option.opts}


def scripts() -> Iterator[tuple[str, str]]:
    """Every shell script, and where it stands."""
    for path in GITHUB:
        yield from ((path.name, step["run"]) for step in steps(path) if "run" in step)
    for name, job in gitlab_jobs().items():
        for part in ("before_script", "script", "after_script"):
            yield from ((f"{GITLAB.name} {name}", line) for line in job.get(part, []))
    yield from ((GITLAB_ACCEPTANCE.name, line) for line in included()[1]["script"])


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every simple command, as its words."""
    for where, script in scripts():
        for line in re.split(r"\n|;|&&|\|", script.replace("\\\n", " ")):
            words = shlex.split(line)
            while words and words[0] in ("if", "then", "do", "else"):
                words = words[1:]
            if words and not re.match(r"\w+\+?=", words[0]):
                yield where, words


COMMANDS = list(commands())
OURS = [(where, words) for where, words in COMMANDS if words[0] not in SHELL]


def ids(case: object) -> str:
    return " ".join(case)[:70] if isinstance(case, list) else str(case)


def test_both_have_the_same_jobs():
    jobs = set(loaded(CI)["jobs"])
    assert jobs == {"lint", "unit", "judge", "mock", "local", "faults", "compose", "bizon", "league"}
    assert {name for name in gitlab_jobs() if not name.startswith(".")} == jobs


@pytest.mark.parametrize(("where", "words"), COMMANDS, ids=ids)
def test_every_file_of_a_command_exists(where: str, words: list[str]):
    for word in words[1 if words[0] in SHELL else 0 :]:
        path = re.sub(r"^(\.\./)?fairpoll/", "", word)
        named = "/" in path or path.endswith((".txt", ".py"))
        if named and "@" not in path and "$" not in path and not path.startswith(MADE_THERE):
            assert (ROOT / path).exists(), f"{where}: {word}"


@pytest.mark.parametrize(("where", "words"), OURS, ids=ids)
def test_every_command_is_one_that_people_are_told(where: str, words: list[str]):
    program = words[0] if words[0].startswith(".ci/") else Path(words[0]).name
    assert re.search(rf"(^|[`/\s]){re.escape(program)}[\s`]", EXPLAINED, re.MULTILINE), f"{where}: {program}"
    for option, value in pairwise(words):
        if option == "--variable":
            assert f"`{value.split(':')[0]}`" in VARIABLES, f"{where}: {value}"
        if option in ("--include", "--exclude"):
            assert f"`{value}`" in VARIABLES, f"{where}: {value}"
    if program == "fairpoll":
        assert words[1] in cli.COMMANDS, f"{where}: {words}"


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: f"{path.parent.name} {path.name}")
def test_actions_are_pinned_to_a_commit_and_say_its_release(path: Path):
    for step in steps(path):
        used = step.get("uses", "")
        if used.startswith("./"):
            assert (ROOT / used / "action.yml").exists()
    for line in path.read_text("utf-8").splitlines():
        if match := re.match(r"\s*-? ?uses: ([^.\s]\S*)(.*)", line):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", match[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", match[2]), line


@pytest.mark.parametrize("path", [CI, TEMPLATE], ids=lambda path: path.name)
def test_workflows_may_read_and_no_more_and_end_in_time(path: Path):
    content = loaded(path)
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        assert "permissions" not in job, name
        assert job["timeout-minutes"] <= 60, name
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: f"{path.parent.name} {path.name}")
def test_what_a_caller_gives_never_stands_in_a_script(path: Path):
    """`${{ }}` is pasted before the shell reads: values go through the environment."""
    for step in steps(path):
        assert "${{" not in step.get("run", ""), step["run"]


def test_what_includes_give_stands_in_no_script_and_all_of_it_is_used():
    inputs, job = included()
    parts = ("before_script", "script", "after_script")
    assert not [line for part in parts for line in job[part] if "$[[" in line]
    given = [*job["variables"].values(), job["image"], job["stage"]]
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", " ".join(given))) == set(inputs)


def test_the_action_and_the_included_job_take_the_same_and_run_the_same():
    """GitLab's job also installs and builds, which a step before the action does on GitHub."""
    inputs, job = included()
    asked = {name.replace("-", "_") for name in loaded(ACTION)["inputs"]} - {"artifact"}
    assert set(inputs) - {"image", "stage", "setup", "fairpoll", "ref"} == asked
    (ours,) = (step["run"] for step in steps(ACTION) if "bin/fairpoll" in step.get("run", ""))
    options = [re.findall(r"(--[a-z-]+) ", script) for script in (ours, *job["script"])]
    assert options[0] == options[1]
    assert {option for option in options[0] if option not in command_options()} == set()


def test_the_examples_in_the_how_to_give_inputs_that_exist():
    page = ROOT / "docs" / "how-to" / "judge-in-ci.md"
    github, gitlab = (yaml.safe_load(b.code) for b in documents.blocks(page) if b.language == "yaml")
    (given,) = (step["with"] for step in github["jobs"]["fairpoll"]["steps"] if "with" in step)
    asked = loaded(ACTION)["inputs"]
    assert {name for name, entry in asked.items() if entry.get("required")} <= set(given) <= set(asked)
    (include,) = gitlab["include"]
    assert (ROOT / include["file"]).samefile(GITLAB_ACCEPTANCE)
    needed = {name for name, entry in included()[0].items() if "default" not in entry}
    assert needed <= set(include["inputs"]) <= set(included()[0])


def test_actionlint_has_nothing_to_say():
    if not shutil.which("actionlint"):
        pytest.skip("no actionlint on the PATH; see CONTRIBUTING.md")
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", [CI, TEMPLATE]),
        ("vendor.github-actions", ACTIONS),
        ("vendor.gitlab-ci", [GITLAB]),
    ],
)
def test_the_schemas_are_kept(schema: str, paths: list[Path]):
    if not find_spec("check_jsonschema"):
        pytest.skip("check-jsonschema is not installed; requirements-dev.txt has it")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    command += ["--data-transform", "gitlab-ci"] if schema == "vendor.gitlab-ci" else []
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_included_job_keeps_the_schema(tmp_path: Path):
    """Its two documents, the inputs and the job, each by itself: the checker reads no more than one."""
    if not find_spec("check_jsonschema"):
        pytest.skip("check-jsonschema is not installed; requirements-dev.txt has it")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    for number, part in enumerate(GITLAB_ACCEPTANCE.read_text("utf-8").split("\n---\n")):
        path = tmp_path / f"{number}.yml"
        path.write_text(part, "utf-8")
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
