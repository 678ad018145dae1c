from __future__ import annotations

import pytest

from quantai.core import errors
from quantai.core.errors import QuantAIError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, QuantAIError)]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_the_tree_in_the_docstring_is_the_tree(error: type[QuantAIError]) -> None:
    (line,) = [line for line in str(errors.__doc__).splitlines() if error.__name__ in line.split() and "─" in line] or [
        "QuantAIError exit status 4"
    ]
    assert str(error.exit_status) in line.split()


def test_wrong_values_are_value_errors_too() -> None:
    assert issubclass(errors.NumberError, ValueError)
    assert issubclass(errors.SymbolError, ValueError)
    assert issubclass(errors.UnknownInstrument, LookupError)
