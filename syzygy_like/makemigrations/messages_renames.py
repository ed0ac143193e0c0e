"""Messages about what was renamed, and what becomes of it in the database."""

from __future__ import annotations

from syzygy_like.expand_contract.renames import Rename


def question(rename: Rename) -> str:
    """Ask what becomes of the column or table of what was renamed."""
    if not rename.kept:
        return (
            f"The model {rename.new} was called {rename.old!r}, and so is a column of "
            f"a many-to-many table: {_NAMED}\nPlease choose what becomes of it:"
        )
    what = "column" if rename.is_field else "table"
    kind = "field" if rename.is_field else "model"
    name = f"{rename.model}.{rename.new}" if rename.is_field else rename.new
    return (
        f"The {kind} {name} was called {rename.old!r}, and its {what} is "
        f"{rename.kept!r}: the old code would miss it under another name.\n"
        "Please choose what becomes of it:"
    )


_NAMED = "Django names these after the models."


def choices(rename: Rename) -> list[str]:
    """Return the answers to the question, the safest first."""
    keep = f"db_{'column' if rename.is_field else 'table'}={rename.kept!r}"
    answers = [
        f"Keep it under its old name: quit, and say {keep} in models.py "
        "(nothing changes in the database).",
    ]
    if not rename.kept:
        answers = ["Quit, and keep the name of the model."]
    if rename.copies:
        answers.append(
            "Add a new column, copy the old one to it, and drop that after the deploy."
        )
    answers.append(
        "Rename it all the same, before the deploy: queries of the old code FAIL "
        "until it is gone."
    )
    return answers


def keep(rename: Rename) -> str:
    """Say how to keep the column or table of what was renamed."""
    if not rename.kept:
        return (
            f"{rename.old} cannot be renamed to {rename.new} in one release, for a "
            f"many-to-many table has a column of that name. {_NAMED} Nothing was "
            "written.\n\nFix: keep the name of the model, or first put a model of your "
            "own between the two (through), over two releases."
        )
    setting, owner = f'db_table = "{rename.kept}"', f"class Meta of {rename.model}"
    if rename.is_field:
        setting = f'db_column="{rename.kept}"'
        owner = f"{rename.model}.{rename.new}"
    kind = "field" if rename.is_field else "model"
    return (
        f"Add {setting} to {owner} in models.py, then run makemigrations again: the "
        f"{kind} is renamed in Python only. Nothing was written."
    )


def renamed_anyway(rename: Rename) -> str:
    """Warn of a rename that is done as it is."""
    return (
        f"{rename.old} is renamed to {rename.new} in the database before the deploy: "
        "queries of the code now serving fail until it is gone."
    )


def separate(app_label: str, other: str) -> str:
    """Say that two apps have to be asked about one after the other."""
    return (
        f"{app_label} and {other} have a field of the same name in models of the same "
        "name, so that answers about one would be taken for the other. Nothing was "
        f"written.\n\nFix: run makemigrations {app_label} first, then for {other}."
    )
