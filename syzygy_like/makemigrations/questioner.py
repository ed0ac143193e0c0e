"""A questioner that remembers, so that nothing has to be asked twice."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.migrations.questioner import (
    MigrationQuestioner,
    NonInteractiveMigrationQuestioner,
)
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.names import table_name

Question = tuple[str, ...]


class ReplayingQuestioner:
    """
    Passes questions on to another questioner, and gives the same answers again.

    After ``rewind`` it answers by itself what was asked before. What is ``copied``,
    by names of model, old and new field, was not renamed: a new field takes the
    values of the old one, and needs no other. Where nobody is asked, what keeps its
    column or table was renamed: to drop and add that would lose all that is in it.
    """

    def __init__(self, questioner: MigrationQuestioner):
        self.questioner = questioner
        self.copied: set[tuple[str, str, str]] = set()
        self._answers: dict[Question, list[Any]] = defaultdict(list)
        self._replayed: dict[Question, int] = defaultdict(int)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.questioner, name)

    def rewind(self) -> None:
        """Start again with the first question."""
        self._replayed.clear()

    def ask_rename(self, model_name: str, old: str, new: str, field: Any) -> Any:
        if (model_name.lower(), old, new) in self.copied:
            return False
        if self._is_alone and field.db_column is not None:
            return True  # Django asks only if that is the old column
        question = ("ask_rename", model_name, old, new)
        return self._answer(question, model_name, old, new, field)

    def ask_rename_model(self, old: Any, new: Any) -> Any:
        if self._is_alone and new.options.get("db_table") == table_name(old):
            return True
        question = ("ask_rename_model", old.app_label, old.name, new.name)
        return self._answer(question, old, new)

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        return self._value("ask_not_null_addition", field_name, model_name)

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        return self._value("ask_not_null_alteration", field_name, model_name)

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> Any:
        return self._value("ask_auto_now_add_addition", field_name, model_name)

    def ask_unique_callable_default_addition(
        self, field_name: str, model_name: str
    ) -> Any:
        return self._value(
            "ask_unique_callable_default_addition", field_name, model_name
        )

    @property
    def _is_alone(self) -> bool:
        """Whether nobody is there to ask, so that a rename would count as none."""
        return isinstance(self.questioner, NonInteractiveMigrationQuestioner)

    def _value(self, method: str, field_name: str, model_name: str) -> Any:
        fields = {(model, new) for model, _, new in self.copied}
        if (model_name.lower(), field_name) in fields:
            return NOT_PROVIDED
        return self._answer((method, field_name, model_name), field_name, model_name)

    def _answer(self, question: Question, *arguments: Any) -> Any:
        answers, number = self._answers[question], self._replayed[question]
        if number == len(answers):
            answers.append(getattr(self.questioner, question[0])(*arguments))
        self._replayed[question] += 1
        return answers[number]
