"""Names as they are stored, without what nobody sees, and the words by which they are found."""

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Func

from accounts.folding import visible


class FoldedWords(Func):
    """The words of a text as `accounts.folding` writes them, told by the database."""

    template = "to_tsvector('simple'::regconfig, accounts_fold(%(expressions)s))"
    output_field = SearchVectorField()


class NameField(models.CharField):  # type: ignore[type-arg]  # not generic at run time
    """A text without controls, signs of direction and empty letters, in single spaces.

    A form gets it so, and so does every statement that writes it.
    """

    def to_python(self, value: Any) -> Any:
        return _cleaned(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        return _cleaned(super().get_prep_value(value))

    def deconstruct(self) -> Any:
        # To the database, it is a text like others: no migration is due.
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


def _cleaned(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value
