"""`-k` selects trials as pytest selects tests."""

import pytest
from _pytest.mark.expression import Expression

from grader.contract.errors import UsageError
from grader.host.keywords import match

IDS = [
    "submissions/mlp.py::digits[seed=0]",
    "submissions/cnn.py::digits[seed=1]",
    "submissions/mlp-wide.py::fashion-mnist[seed=0]",
]


@pytest.mark.parametrize(
    "expression",
    ["mlp", "MLP", "mlp and not wide", "mlp or cnn", "not mlp", "not (mlp or cnn)", "not not cnn",
     "mlp and digits or cnn", "cnn or mlp and digits", "mlp.py::digits", "[seed", "not(mlp)and(cnn)",
     "  cnn\t", "fashion-mnist", "And", "true"],
)  # fmt: skip
def test_selects_what_pytest_would(expression: str) -> None:
    theirs = Expression.compile(expression)

    def selects(trial: str) -> bool:
        return theirs.evaluate(lambda name, /, **_: name.lower() in trial.lower())

    expected = [trial for trial in IDS if selects(trial)]
    assert list(filter(match(expression), IDS)) == expected


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_expression_selects_all(blank: str) -> None:
    assert list(filter(match(blank), IDS)) == IDS


def test_a_seed_can_be_selected_as_it_is_shown() -> None:
    assert list(filter(match("seed=0 and digits"), IDS)) == IDS[:1]


def test_accents_match_however_they_are_encoded() -> None:
    assert match("re\u0301seau")("r\xe9seau.py::digits[seed=0]")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("mlp and", "expected a name, 'not' or '(', got the end at column 8"),
        ("mlp cnn", "expected 'and', 'or' or the end, got 'cnn' at column 5"),
        ("(mlp", "expected ')', got the end at column 5"),
        ("mlp)", "expected 'and', 'or' or the end, got ')' at column 4"),
        ("or mlp", "expected a name, 'not' or '(', got 'or' at column 1"),
        ("mlp & cnn", "unexpected character '&' at column 5"),
        ("()", "expected a name, 'not' or '(', got ')' at column 2"),
        ("(" * 100_000, "nested more than 100 levels deep"),
        ("not " * 100_000 + "a", "nested more than 100 levels deep"),
    ],
)
def test_a_wrong_expression_is_one_line_with_the_place(expression: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        match(expression)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_long_chains_are_fine() -> None:
    assert match(" or ".join(["no"] * 50_000 + ["mlp"]))(IDS[0])
