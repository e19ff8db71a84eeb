"""A self-contained HTML page, in the reader's light or dark theme; it can be printed."""

from html import escape
from pathlib import Path

from fairpoll.base.text import plain

_STYLE = Path(__file__).with_suffix(".css")


def html_page(title: str, body: str) -> str:
    """The page; `body` is HTML already, its heading included."""
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        # The browser fetches and runs nothing, whatever texts the page has.
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none';style-src 'unsafe-inline'\">"
        f"<title>{inert(title)}</title><style>{_STYLE.read_text('utf-8')}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def inert(text: str) -> str:
    """Any text, escaped and on one line."""
    return escape(plain(text))


def wide(content: str) -> str:
    """Content that may be wider than a small screen scrolls sideways by itself, not with the page."""
    return f"<div class='wide'>{content}</div>"
