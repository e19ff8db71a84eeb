"""Text from outside, made safe to show: on one line, short, without control characters."""

QUOTED_CHARACTERS = 60


def plain(text: str) -> str:
    """The text on one line; unprintable characters (control codes, text direction) become U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def count_text(count: int, noun: str) -> str:
    """`1 record`, `2,000 records`: a count with its noun, whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def quoted(value: object) -> str:
    """The value in quotes, for an error message; long text is truncated."""
    text = str(value)
    shown = plain(text[:QUOTED_CHARACTERS])
    return f"'{shown}'" if len(text) <= QUOTED_CHARACTERS else f"'{shown}...'"
