"""A questioner that remembers answers, so that no question is asked twice."""

from __future__ import annotations

from collections import defaultdict

from django.db.migrations.questioner import (
    MigrationQuestioner,
    NonInteractiveMigrationQuestioner,
)
from django.db.migrations.state import ModelState
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.names import table_name
from syzygy_like.schema.types import Field

Question = tuple[str, ...]


class ReplayingQuestioner:
    """
    Passes questions to another questioner, and repeats its answers.

    After ``rewind`` it repeats the answers in the same order. The fields in ``copied``
    (names of model, old and new field) were not renamed: the new field takes the values
    of the old one, and needs no default. With --noinput, a field or model that keeps
    its column or table was renamed: to drop and add it would lose all its rows.
    """

    def __init__(self, questioner: MigrationQuestioner):
        self.questioner = questioner
        self.copied: set[tuple[str, str, str]] = set()
        self._answers: dict[Question, list[object]] = defaultdict(list)
        self._replayed: dict[Question, int] = defaultdict(int)

    def __getattr__(self, name: str) -> object:
        return getattr(self.questioner, name)

    def rewind(self) -> None:
        """Start again with the first question."""
        self._replayed.clear()

    def ask_rename(self, model_name: str, old: str, new: str, field: Field) -> object:
        if (model_name.lower(), old, new) in self.copied:
            return False
        if self._is_noninteractive and field.db_column is not None:
            return True  # Django asks only if that is the old column
        question = ("ask_rename", model_name, old, new)
        return self._answer(question, model_name, old, new, field)

    def ask_rename_model(self, old: ModelState, new: ModelState) -> object:
        if self._is_noninteractive and new.options.get("db_table") == table_name(old):
            return True
        question = ("ask_rename_model", old.app_label, old.name, new.name)
        return self._answer(question, old, new)

    def ask_not_null_addition(self, field_name: str, model_name: str) -> object:
        return self._value("ask_not_null_addition", field_name, model_name)

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> object:
        return self._value("ask_not_null_alteration", field_name, model_name)

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> object:
        return self._value("ask_auto_now_add_addition", field_name, model_name)

    def ask_unique_callable_default_addition(
        self, field_name: str, model_name: str
    ) -> object:
        return self._value(
            "ask_unique_callable_default_addition", field_name, model_name
        )

    @property
    def _is_noninteractive(self) -> bool:
        """Whether nobody can be asked; Django then takes no change for a rename."""
        return isinstance(self.questioner, NonInteractiveMigrationQuestioner)

    def _value(self, method: str, field_name: str, model_name: str) -> object:
        fields = {(model, new) for model, _, new in self.copied}
        if (model_name.lower(), field_name) in fields:
            return NOT_PROVIDED
        return self._answer((method, field_name, model_name), field_name, model_name)

    def _answer(self, question: Question, *arguments: object) -> object:
        answers, number = self._answers[question], self._replayed[question]
        if number == len(answers):
            answers.append(getattr(self.questioner, question[0])(*arguments))
        self._replayed[question] += 1
        return answers[number]
