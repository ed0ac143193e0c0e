"""An app of the project that is measured: its models as its migrations make them."""

from __future__ import annotations

import dataclasses

CHOICES = '[("a", "Active"), ("b", "Blocked"), ("c", "Closed")]'
MODELS = ("Customer", "Product", "Order", "Line", "Invoice", "Event")
INITIAL_FIELDS = {
    "name": "models.CharField(max_length=100)",
    "code": "models.SlugField(unique=True)",
    "kind": f'models.CharField(max_length=1, choices={CHOICES}, default="a")',
    "price": "models.DecimalField(max_digits=10, decimal_places=2, default=0)",
    "created": "models.DateTimeField(default=timezone.now)",
    "token": "models.UUIDField(default=uuid.uuid4)",
    "legacy": "models.TextField(null=True, blank=True)",
}


@dataclasses.dataclass
class Model:
    """A model, as source code."""

    name: str
    fields: dict[str, str]
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    indexes: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def source(self) -> str:
        """The class as it stands in models.py."""
        lines = [f"class {self.name}(models.Model):"]
        lines += [f"    {name} = {field}" for name, field in self.fields.items()]
        lines += ["", "    class Meta:"]
        lines += [f"        {name} = {value}" for name, value in self.options.items()]
        lines += [f"        indexes = [{', '.join(self.indexes.values())}]"]
        return "\n".join(lines)


class App:
    """
    An app; of its models one refers to the next, and one to those of another app.

    It refers to apps before it only, so that any number of them fits together.
    """

    def __init__(self, index: int):
        self.index = index
        self.label = label(index)
        self.models = [self._model(number) for number in range(len(MODELS))]

    def _model(self, number: int) -> Model:
        fields = dict(INITIAL_FIELDS)
        if number:
            fields["parent"] = reference(f"{self.label}.{MODELS[number - 1]}")
        elif self.index:
            fields["parent"] = reference(f"{label(self.neighbour)}.{MODELS[0]}")
        if number == len(MODELS) - 1:
            target = f"{self.label}.{MODELS[0]}"
            fields["watchers"] = f'models.ManyToManyField("{target}", related_name="+")'
        return Model(MODELS[number], fields)

    @property
    def neighbour(self) -> int:
        """The app that this one refers to, itself if it is the first."""
        return max(self.index - 1, 0) // 4

    @property
    def source(self) -> str:
        """The text of models.py."""
        header = "import uuid\n\nfrom django.db import models\n"
        header += "from django.utils import timezone\n"
        return "\n\n\n".join([header.rstrip(), *(each.source for each in self.models)])


def label(index: int) -> str:
    """Return the label of an app."""
    return f"app_{index:03}"


def reference(target: str, **arguments: object) -> str:
    """Return a foreign key."""
    more = "".join(f", {name}={value}" for name, value in arguments.items())
    return f'models.ForeignKey("{target}", models.CASCADE, related_name="+"{more})'
