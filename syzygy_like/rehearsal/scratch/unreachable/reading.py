"""What in a statement leads outside of the database that it is sent to."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

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

# Where a statement may begin, in a body as well.
START = r"(?:^|(?<= ; )|(?<= BEGIN )|(?<= THEN )|(?<= ELSE )|(?<= LOOP )|(?<= DO ))"
CHANGE = r"(?:CREATE|DROP|ALTER)(?: OR REPLACE)?"
SOME = r"(?: IF(?: NOT)? EXISTS)?"

# Commands that act on the server, whatever they name.
COMMANDS = {
    "postgresql": (
        rf"{START}{CHANGE} (?:ROLE|USER|GROUP|TABLESPACE|SUBSCRIPTION|SERVER|SYSTEM)\b",
        rf"{START}{CHANGE} FOREIGN (?:TABLE|DATA WRAPPER)\b",
        rf"{START}IMPORT FOREIGN SCHEMA\b",
        rf"{START}(?:COMMENT|SECURITY LABEL) .*?\bON (?:ROLE|TABLESPACE)\b",
        rf"{START}(?:REASSIGN|DROP) OWNED\b",
        rf"{START}(?:GRANT|REVOKE) (?:(?!ON |;).)*?(?: (?:TO|FROM)) ",
        rf"{START}COPY [^;]*?\b(?:TO|FROM) PROGRAM\b",
        rf"{START}COPY [^;]*?\bTO '[^']*'",
        rf"{START}CREATE EXTENSION{SOME} '?(?:dblink|\w+_fdw|adminpack|pg_cron"
        r"|pg_background|file_textarray|pl(?:python3?|perl|tcl|sh)\w*)\b'?",
        r"(?:\bdblink\w*|\blo_export|\bpg_file_\w+|\bpg_(?:create|drop|copy)_\w*slot"
        r"|\bpg_reload_conf|\bpg_switch_wal|\bpg_rotate_logfile|\bpg_promote)'? \(",
    ),
    "mysql": (
        rf"{START}{CHANGE} (?:USER|ROLE|SERVER|TABLESPACE|LOGFILE|RESOURCE|UNDO)\b",
        rf"{START}(?:RENAME USER|GRANT|REVOKE|SET PASSWORD|SET DEFAULT ROLE)\b",
        rf"{START}SET (?:[^;]*? )?(?:GLOBAL|PERSIST(?:_ONLY)?) (?!=)",
        rf"{START}SET [^;]*?@@(?:GLOBAL|PERSIST(?:_ONLY)?) \.",
        rf"{START}(?:INSTALL|UNINSTALL|SHUTDOWN|RESTART|KILL|PURGE|RESET|CLONE)\b",
        rf"{START}FLUSH\b",
        rf"{START}(?:CHANGE|START|STOP) (?:MASTER|REPLICATION|SLAVE|REPLICA"
        r"|ALL SLAVES|ALL REPLICAS|GROUP_REPLICATION)\b",
        r"\bINTO (?:OUTFILE|DUMPFILE)\b",
        rf"{START}LOAD (?:DATA|XML)(?! (?:LOW_PRIORITY |CONCURRENT )?LOCAL)\b",
        r"\bSONAME\b",
        r"\bENGINE (?:= )?'?(?:FEDERATEDX?|CONNECT|SPIDER)\b'?",
        r"\b(?:DATA|INDEX) DIRECTORY\b",
    ),
}

# Commands that act on the database that they name.
NAMED = {
    "postgresql": (
        rf"{START}{CHANGE} DATABASE{SOME} (\S+)",
        rf"{START}(?:COMMENT|SECURITY LABEL|GRANT|REVOKE) [^;]*?\bON DATABASE (\S+)",
    ),
    "mysql": (
        rf"{START}{CHANGE} (?:DATABASE|SCHEMA){SOME} (\S+)",
        rf"{START}USE (\S+)",
    ),
}
# What follows in ALTER DATABASE of MySQL if it names none: the current one is meant.
NAMELESS = ("default", "character", "charset", "collate", "encryption", "read")

# What the name of a table, view, routine, trigger or event comes after.
BEFORE_NAMES = frozenset(
    [
        "FROM",
        "JOIN",
        "INTO",
        "UPDATE",
        "TABLE",
        "REFERENCES",
        "CALL",
        "VIEW",
        "TRIGGER",
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "EXISTS",
        "TRUNCATE",
        "IGNORE",
        "USING",
        "DESCRIBE",
        "DESC",
        "HANDLER",
        "SEQUENCE",
        "TABLES",
        "DELETE",
        "INSERT",
        "REPLACE",
        "ANALYZE",
        "OPTIMIZE",
        "REPAIR",
        "TO",
    ]
)
# Statements of which strings are run later, or may be.
LATER = re.compile(
    rf"{START}(?:DO|CREATE\b.*? (?:FUNCTION|PROCEDURE)|PREPARE|EXECUTE|SET @\w+) ", re.I
)


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


@functools.lru_cache(maxsize=2048)
def outside(
    sql: str, vendor: str, database: str = "", others: frozenset[str] = frozenset()
) -> str:
    """
    Return what in some SQL leads outside of a database, as it is written there.

    That is nothing ("") in most cases. Names of databases are looked at if that of
    the ``database`` is given; ``others`` are those of the server besides, in small
    letters. (On PostgreSQL nothing but commands on databases can name them.)
    """
    if vendor not in COMMANDS:
        return ""
    found = [*tokens(sql, vendor)]
    text = " ".join(each.plain for each in found)
    return (
        _command(text, vendor)
        or _named(text, vendor, database.lower())
        or next(_qualified(found, others), "")
        or _nested(found, text, vendor, database, others)
    )


def _command(text: str, vendor: str) -> str:
    for pattern in COMMANDS[vendor]:
        if match := re.search(pattern, text, re.IGNORECASE):
            return match[0].strip(" (")
    return ""


def _named(text: str, vendor: str, database: str) -> str:
    """Return a command on a database, unless it is the one that may be used."""
    for pattern in NAMED[vendor] if database else ():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            name = match[1].strip("'").lower()
            is_nameless = vendor == "mysql" and name in NAMELESS
            if name != database and not is_nameless:
                return match[0]
    return ""


def _qualified(found: Sequence[Token], others: frozenset[str]) -> Iterator[str]:
    """
    Yield names of things in other databases.

    The name before a dot may be that of a table, or of an alias in the statement: then
    it also stands there by itself, and after no word that takes a name.
    """
    before = [Token("sign", ""), *found]
    for last, token, dot, following in zip(
        before, found, found[1:], found[2:], strict=False
    ):
        name = token.text.lower()
        if dot.text != "." or not token.is_name or name not in others:
            continue
        if last.text == "." or not following.is_name:
            continue
        if last.text.upper() in BEFORE_NAMES or not _stands_alone(name, found):
            yield f"{token.text}.{following.text}"


def _stands_alone(name: str, found: Sequence[Token]) -> bool:
    """Tell whether a name is also that of a table, or of an alias, in a statement."""
    around = [Token("sign", ""), *found, Token("sign", "")]
    return any(
        token.is_name and token.text.lower() == name and "." not in (last, following)
        for last, token, following in zip(
            (each.text for each in around),
            around[1:],
            (each.text for each in around[2:]),
            strict=False,
        )
    )


def _nested(
    found: Sequence[Token],
    text: str,
    vendor: str,
    database: str,
    others: frozenset[str],
) -> str:
    """Return what leads outside in SQL within SQL: in bodies, and to be run later."""
    kinds = {"code", "string"} if LATER.search(text) else {"code"}
    for token in found:
        if token.kind in kinds:
            # Within a body strings may be run as well.
            inner = f"DO ; {token.text}" if token.kind == "code" else token.text
            if name := outside(inner, vendor, database, others):
                return name
    return ""
