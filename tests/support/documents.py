"""The project's Markdown pages: their links, anchors, blocks of code, and what shows each paragraph."""

import ast
import json
import re
import shlex
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from robot.api import get_model

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *```+)(\S*).*?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
# Languages whose blocks must have a mark.
CODE = ("bash", "sh", "python", "yaml", "toml", "json", "robotframework")
# Programs whose first arguments are subcommands, with the number of them.
SUBCOMMANDS = {"fairpoll": 1, "docker": 1, "docker-compose": 1, "pip": 1}
# The comment on the line before a block: `run`, `run: exit code 1`, `not run: WHO` or `file: NAME`.
MARKED = re.compile(r"<!-- (run|not run|file)(?:: (.+))? -->\n\Z")
EXIT_CODE = re.compile(r"exit code (\d+)")
# The comment on the line before a paragraph of an explanation.
SHOWN = re.compile(r"<!-- (shown by|no behaviour): (.+) -->")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows or would add, matching these patterns; all without one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(path for line in done.stdout.splitlines() if (path := ROOT / line).is_file())


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return tracked("*.md")


@dataclass(frozen=True)
class Block:
    """A fenced block. `mark` is run, not run, file or ""; `text` is what stands behind the mark."""

    language: str
    code: str
    mark: str
    text: str

    @property
    def exit_code(self) -> int:
        """The exit code that the page promises; 0 unless it names one."""
        found = EXIT_CODE.fullmatch(self.text) if self.mark == "run" else None
        return int(found[1]) if found else 0

    def parse(self) -> None:
        """Raise an exception for a block that its language cannot read."""
        match self.language:
            case "python":
                ast.parse(self.code)
            case "yaml":
                yaml.safe_load(self.code)
            case "toml":
                tomllib.loads(self.code)
            case "json":
                for line in self.code.splitlines():
                    json.loads(line)
            case "bash" | "sh":
                subprocess.run([self.language, "-n"], input=self.code, text=True, check=True)
            case "robotframework":
                errors = [e for node in ast.walk(get_model(self.code)) for e in getattr(node, "errors", ())]
                if errors:
                    raise ValueError("; ".join(errors))

    @property
    def words(self) -> set[str]:
        """What whoever runs a block must contain: subcommands, options, Robot variables, Python's methods."""
        if self.language == "python":
            calls = [n.func for n in ast.walk(ast.parse(self.code)) if isinstance(n, ast.Call)]
            return {call.attr for call in calls if isinstance(call, ast.Attribute)}
        found: set[str] = set()
        for line in self.code.replace("\\\n", " ").splitlines() if self.language == "bash" else ():
            for command in re.split(r" (?:&&|\|\|) ", line):
                words = shlex.split(command, comments=True)
                found |= set(words[1 : 1 + SUBCOMMANDS.get(words[0], 0)] if words else [])
                found |= {word for word in words[1:] if re.fullmatch(r"--?[a-z][\w-]*", word)}
                found |= {word.partition(":")[0] for word in words if re.match(r"[A-Z_]+:", word)}
        return {word for word in found if not re.fullmatch(r"--variable|-[a-z]|--", word)}

    @property
    def runners(self) -> list[Path]:
        """The files that `not run: WHO` names: they run the block."""
        named = re.findall(r"[\w./-]+", self.text) if self.mark == "not run" else ()
        return [path for path in (ROOT / word.rstrip(".") for word in named) if path.is_file()]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    source = page.read_text("utf-8")
    for found in FENCE.finditer(source):
        marked = MARKED.search(source, 0, found.start())
        mark, text = (marked[1], marked[2] or "") if marked else ("", "")
        yield Block(found[2], textwrap.dedent(found[3]), mark, text)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, list, table or block. `mark` is shown by, no behaviour or ""; `text` stands behind it."""

    first_line: str
    mark: str
    text: str

    @property
    def tests(self) -> list[tuple[Path, str]]:
        """The tests named in `FILE::TEST, TEST; FILE::TEST`; a Robot test's name may have commas."""
        named = []
        for part in self.text.split("; ") if self.mark == "shown by" else ():
            file, _, tests = part.partition("::")
            named += [
                (ROOT / file, test) for test in (tests.split(", ") if file.endswith(".py") else [tests])
            ]
        return named


def paragraphs(page: Path) -> Iterator[Paragraph]:
    """What a page consists of, without headings. A paragraph that ends with a colon belongs to the next."""
    whole = FENCE.sub(lambda fence: fence[0].replace("\n\n", "\n"), page.read_text("utf-8"))
    for paragraph in re.split(r"\n{2,}", whole.strip()):
        first, _, rest = paragraph.partition("\n")
        mark = SHOWN.fullmatch(first)
        if mark or not (first.startswith("#") or paragraph.endswith(":")):
            yield Paragraph(rest.partition("\n")[0], mark[1], mark[2]) if mark else Paragraph(first, "", "")


def has_test(path: Path, test: str) -> bool:
    """Whether the file has this test: `function`, `Class` or `Class::function`; or a Robot test's name."""
    if not path.is_file():
        return False
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        return re.search(rf"^{re.escape(test)}(  |$)", source, re.MULTILINE) is not None
    nodes: list[ast.stmt] = ast.parse(source).body
    for name in test.split("::"):
        found = [n for n in nodes if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name]
        if not found or not name.startswith(("test_", "Test")):
            return False
        nodes = found[0].body
    return True


def links(page: Path) -> list[str]:
    """The targets of a page's links that are not addresses on the web."""
    prose = FENCE.sub("", page.read_text("utf-8"))
    return [target for target in LINK.findall(prose) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and GitLab make them."""
    prose = FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
