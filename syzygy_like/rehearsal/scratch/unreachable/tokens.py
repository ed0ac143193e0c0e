"""SQL of PostgreSQL or MySQL, cut into tokens."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

# Comments that MySQL and MariaDB execute ("Comments").
EXECUTED = re.compile(r"/\*M?!\d*(.*?)\*/", re.DOTALL)
BLANK = r"(?P<blank>\s+|{line}|/\*.*?\*/)"
REST = r'|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)|(?P<word>@*[\w$]+)|(?P<sign>.)'
DOLLARS = r"|(?P<code>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
PLAIN = r"'(?:[^']|'')*'"
ESCAPED = r"'(?:[^'\\]|''|\\.)*'"
GRAMMARS = {
    "postgresql": re.compile(
        BLANK.format(line=r"--[^\n]*")
        + rf"|[eE](?P<escaped>{ESCAPED})|(?P<string>{PLAIN})"
        + DOLLARS
        + REST,
        re.DOTALL,
    ),
    "mysql": re.compile(
        BLANK.format(line=r"(?:--(?!\S)|\#)[^\n]*") + rf"|(?P<string>{ESCAPED})" + REST,
        re.DOTALL,
    ),
}


@dataclasses.dataclass(frozen=True)
class Token:
    """
    A word, name (in quotes), string, code (in dollars) or sign.

    The text is without quotes.
    """

    kind: str
    text: str

    @property
    def plain(self) -> str:
        """The token without blanks, for patterns; strings and names are in quotes."""
        if self.kind in ("word", "sign"):
            return self.text
        text = re.sub(r"[^\w.-]", "_", self.text)
        return f"'{text}'"

    @property
    def is_name(self) -> bool:
        """Whether it may be the name of something."""
        return self.kind in ("word", "name")


def tokens(sql: str, vendor: str) -> Iterator[Token]:
    """Yield the tokens of SQL, comments apart."""
    text = EXECUTED.sub(r" \1 ", sql) if vendor == "mysql" else sql
    for match in GRAMMARS[vendor].finditer(text):
        kind = match.lastgroup or ""
        found = match[kind]
        if kind == "tag":
            kind, found = "code", match["code"]
        if kind in ("string", "escaped", "name"):
            yield Token("name" if kind == "name" else "string", _unquoted(found))
        elif kind == "code":
            yield Token(kind, found.partition("$")[2].partition("$")[2][:-2])
        elif kind != "blank":
            yield Token(kind, found)


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)
