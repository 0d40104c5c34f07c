"""Digits follow from the uncertainty."""

from __future__ import annotations

import pytest

from bench.leaderboard.digits import column_decimals, decimals_of, fixed, number, supported


@pytest.mark.parametrize(
    ("half", "decimals"),
    [(0.52, 2), (0.0123, 3), (0.0996, 2), (9.96, 0), (5.4, 1), (12, 0), (230, -1), (1.0, 1), (0.00003, 6)],
)
def test_an_interval_supports_its_second_digit(half: float, decimals: int) -> None:
    assert supported(half) == decimals


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([(24.3127, 0.5213)], ["24.31 ± 0.52"]),
        ([(24.3127, 0.5213), (27.4149, 0.0834)], ["24.31 ± 0.52", "27.41 ± 0.08"]),
        ([(24.3127, 0.5213), (30.1, None)], ["24.31 ± 0.52", "30.10"]),
        ([(4512.3, 231.0), (87.0, None)], ["4510 ± 230", "87"]),
        # The widest interval must not round the others away.
        ([(251.3, 12.2), (4.3123, 0.0512), (31.1, 1.2)], ["251 ± 12", "4.312 ± 0.051", "31 ± 1"]),
        # Nor may its own interval round a value away.
        ([(93.4, 1034.0), (1200.0, 2100.0)], ["93 ± 1034", "1200 ± 2100"]),
        ([(256.0, None), (1024.0, None)], ["256", "1024"]),
        ([(0.15625, None), (1.5, None)], ["0.156", "1.500"]),
        ([(123.4, None), (0.0, None)], ["123", "0"]),
        ([(100.0, None), (2e-9, None)], ["100.000000", "0.00000000200"]),
        ([(-0.001, 0.2)], ["0.00 ± 0.20"]),
        ([], []),
    ],
)
def test_a_column(numbers: list[tuple[float, float | None]], shown: list[str]) -> None:
    column = column_decimals(numbers)
    assert [str(number(value, half, decimals_of(value, half, column))) for value, half in numbers] == shown


def test_fixed_rounds_to_tens_and_drops_the_sign_of_zero() -> None:
    assert [fixed(1234.0, -2), fixed(-0.04, 1), fixed(-0.06, 1)] == ["1200", "0.0", "-0.1"]
