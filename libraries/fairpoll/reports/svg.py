"""From a matplotlib drawing to SVG that can be embedded in any page or saved as a file.

The page may be Robot's log.html, light or dark: ink becomes `currentColor`, and ids have a prefix of the
chart's own. The SVG fetches and runs nothing, and has no effect on the rest of the page.
"""

import hashlib
import re
import xml.etree.ElementTree as ET

from fairpoll.base.text import plain

INK = "#010203"  # the colour of text, axes and grid; becomes currentColor
FONT = "Helvetica,Arial,sans-serif"
# In px: a chart's full width, its minimum width (narrower pages scroll), and the border of a chart's file.
WIDTH, LEAST_WIDTH, MARGIN = 900, 640, 16
_IN_A_PAGE = f"min-width:{LEAST_WIDTH}px;max-width:{WIDTH}px;"


def inline(drawn: str, title: str, description: str) -> str:
    """The drawing as one element that can be embedded in any page."""
    prefix = "chart-" + hashlib.sha256((drawn + title + description).encode()).hexdigest()[:10]
    source = ET.fromstring(drawn)
    root = ET.Element("svg", {"viewBox": source.attrib["viewBox"], "width": "100%", "role": "img"})
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    # matplotlib sets this in a style element, which would apply to the whole page.
    root.set("style", f"{_IN_A_PAGE}stroke-linejoin:round;stroke-linecap:butt;overflow:visible")
    for tag, text in (("title", plain(title)), ("desc", description)):
        ET.SubElement(root, tag, id=f"{prefix}-{tag}").text = text
    for child in source:
        if child.tag.endswith("}g"):
            root.append(child)
    for element in root.iter():
        _tidy(element)
    return ET.tostring(root, encoding="unicode")


def standalone(svg: str) -> str:
    """A chart from `panels` as a file of its own, with a background that follows the reader's theme."""
    size = re.match(r'<svg viewBox="0 0 (\d+)\S* (\d+)\S*" width="100%"', svg)
    if not size:
        raise ValueError("standalone() takes a chart that panels() returned")
    width, height = int(size[1]) + 2 * MARGIN, int(size[2]) + 2 * MARGIN
    opening = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{-MARGIN} {-MARGIN} {width} {height}" width="{width}" height="{height}"'
    )
    theme = (
        "<style>svg{color:#000;background:#fff}"
        "@media(prefers-color-scheme:dark){svg{color:#e2e1d7;background:#1c2227}}</style>"
    )
    rest, content = svg[size.end() :].split(">", 1)
    return f"{opening}{rest}>{theme}{content}\n".replace(_IN_A_PAGE, "", 1)


def _tidy(element: ET.Element) -> None:
    """Remove namespaces, layout blanks and matplotlib's unused ids."""
    element.tag = element.tag.split("}")[-1]
    element.tail = None
    if element.tag not in ("text", "title", "desc"):
        element.text = None
    if element.tag == "g":
        element.attrib.pop("id", None)
    if "d" in element.attrib:
        element.set("d", _compact(element.attrib["d"]))
    if "style" in element.attrib:
        style = element.attrib["style"].replace(INK, "currentColor")
        element.set("style", re.sub(r"'[^;]*sans-serif", FONT, style))


def _compact(path: str) -> str:
    """The same outline in tenths of a pixel, each point relative to the one before."""
    out, here = [], (0, 0)
    for letter, x, y in re.findall(r"([MLz])\s*(?:(\S+) (\S+))?", path):
        if letter == "z":
            out.append("z")
            continue
        there = (round(float(x) * 10), round(float(y) * 10))
        right, down = there[0] - here[0], there[1] - here[1]
        here = there
        if letter == "M":
            out.append(f"M{there[0] / 10:g} {there[1] / 10:g}")
        elif right and down:
            out.append(f"l{right / 10:g} {down / 10:g}")
        elif right or down:
            out.append(f"h{right / 10:g}" if right else f"v{down / 10:g}")
    return "".join(out)
