"""What a body is that is no JSON: HTML of a gateway, a line of text, nothing. And where a redirect leads."""

import re


def kind_of_body(headers: dict[str, str], text: str) -> str:
    """In words: `an empty body`, `HTML (502 Bad Gateway)`, `this text: ...`."""
    start = text.lstrip()[:200]
    if not start:
        return "an empty body"
    if start[:1] == "<" or "html" in headers.get("content-type", ""):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        return f"HTML ({' '.join(title[1].split())[:80]})" if title and title[1] else "HTML"
    if start[:1] in "{[":
        return "JSON that tells no error"
    return f"this text: {' '.join(start.split())}"


def described(status: int, headers: dict[str, str], text: str) -> str:
    """The message of an error whose body tells none."""
    if 300 <= status < 400:
        place = _place(headers.get("location", ""))
        return f"HTTP {status}: the server redirects{place}, which is not followed; set base_url to the new place"
    return f"HTTP {status} with {kind_of_body(headers, text)}"


def _place(location: str) -> str:
    """Where a redirect leads; without what may be a secret: user, query and fragment."""
    parts = re.match(r"((?:https?:)?//)?(?:[^/?#@\s]*@)?([^?#\s\x00-\x1f]{1,200})", location)
    return f" to {(parts[1] or '') + parts[2]}" if parts else ""
