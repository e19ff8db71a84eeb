"""A command as people write it: the program that it runs, and the secrets in its words.

Secrets are recognized by the name of their option or variable: `--password x`, `sasl.password=x`, `TOKEN=x`.
"""

import re
import shlex
from collections.abc import Collection, Sequence
from functools import reduce
from itertools import dropwhile
from pathlib import PurePath

MASK = "***"
_PLACE = "__secret__"
# A shorter secret is masked in the command, but not in other text, which it would make unreadable.
SHORTEST = 4

_NAME = r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credentials?|(?:api|access|private)[-_.]?key)"
_OPTION = re.compile(rf"-[\w.-]*{_NAME}[\w.-]*", re.IGNORECASE)
_ASSIGNED = re.compile(rf"{_NAME}[\w.-]*[=:](?P<value>.+)|://[^/:@]*:(?P<login>[^@]+)@", re.IGNORECASE)
# An assignment before a command.
VARIABLE = re.compile(r"\w+=.*", re.DOTALL)

_PREFIXES = {"env", "exec", "nohup", "time", "nice", "sudo", "setsid"}
_SHELL = re.compile(r"(?:ba|da|k|z)?sh")
_INTERPRETER = re.compile(r"(?:python|pypy|java|node|ruby|perl|php|dotnet)[\d.]*")
# Options whose value is the next word.
_PREFIX_VALUES = {"-u", "--unset", "-C", "--chdir", "-n", "--adjustment"}
_INTERPRETER_VALUES = {
    *("-X", "-W", "-r", "--require", "--import", "--loader", "-cp", "-classpath", "--class-path"),
    *("-p", "--module-path", "--add-modules", "--add-opens", "--add-exports"),
}
# The next word is the program. After those of _INLINE it is text that has no name.
_PROGRAM = {"-jar", "-m", "--module"}
_INLINE = {"-c", "-e", "--eval"}

_known: set[str] = set()


def program_of(command: Sequence[str]) -> str:
    """The program without its folder, past variables, `env`, a shell and an interpreter; "" if there is none.

    `app.py` for `env A=b python3 -X dev my/app.py --flag value` and for `sh -c "exec my/app.py"`.
    """
    words = list(dropwhile(VARIABLE.fullmatch, command))
    if not words or words[0].startswith("-"):
        return ""
    program, arguments = PurePath(words[0]).name, words[1:]
    inner: Sequence[str] = ()
    if program in _PREFIXES:
        inner = _operands(arguments, _PREFIX_VALUES)
    elif _INTERPRETER.fullmatch(program):
        inner = _operands(arguments, _INTERPRETER_VALUES)[:1]
    elif _SHELL.fullmatch(program):
        inner = [word for word in arguments if not word.startswith("-")][:1]
        if inner and any(re.fullmatch(r"-[a-z]*c", word) for word in arguments):
            inner = _split(re.split(r"&&|;", inner[0].rstrip("; "))[-1])
    return program_of(inner) or program


def _operands(words: Sequence[str], with_value: Collection[str]) -> list[str]:
    """The words from the first that is neither an option nor the value of one."""
    rest = iter(words)
    for word in rest:
        if word in _INLINE:
            return []
        if word in _PROGRAM:
            return list(rest)
        if word in with_value:
            next(rest, None)
        elif not word.startswith("-"):
            return [word, *rest]
    return []


def shown(command: Sequence[str]) -> str:
    """The command as for a shell, with `***` for each secret."""
    # The mask is put in after quoting, since a shell would quote its asterisks.
    return shlex.join(_take_out(command, [])).replace(_PLACE, MASK)


def remember_secrets(command: Sequence[str]) -> None:
    """Have `masked` hide the secrets of this command from now on."""
    secrets: list[str] = []
    _take_out(command, secrets)
    _known.update(secret for secret in secrets if len(secret) >= SHORTEST)


def masked(text: str) -> str:
    """The text with `***` for each secret of the commands that were run."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _take_out(words: Sequence[str], secrets: list[str]) -> list[str]:
    """The words with _PLACE for each secret, which is added to `secrets`."""
    left: list[str] = []
    is_value = False
    for word in words:
        within: list[str] = []
        if is_value and not word.startswith("-"):
            within = [word]
        elif re.search(r"\s", word):  # a command within the command, or properties
            _take_out(_split(word), within)
        elif match := _ASSIGNED.search(word):
            within = [(match["value"] or match["login"]).strip("\"';,")]
        is_value = bool(_OPTION.fullmatch(word))
        within = [secret for secret in within if secret]
        left.append(reduce(lambda text, secret: text.replace(secret, _PLACE), within, word))
        secrets += within
    return left


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
