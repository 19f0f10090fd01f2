from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.schedules import constant, geometric, linear

value = st.floats(0.01, 100)


def test_a_constant_never_changes():
    assert {constant(3.5)(step) for step in (0, 10, 10**7)} == {3.5}


@pytest.mark.parametrize(("schedule", "middle"), [(linear, 10.0), (geometric, 8.0)])
def test_ends_middle_and_what_lies_outside(schedule, middle):
    f = schedule(16.0, 4.0, start=100, end=300)
    assert [f(step) for step in (0, 100)] == [16.0, 16.0]
    assert f(200) == pytest.approx(middle)
    assert [f(step) for step in (300, 10**6)] == pytest.approx([4.0, 4.0])


@given(a=value, b=value, start=st.integers(0, 50), length=st.integers(1, 50))
def test_change_is_monotone_within_the_ends(a, b, start, length):
    for schedule in (linear, geometric):
        f = schedule(a, b, start, start + length)
        path = [f(step) for step in range(start + length + 5)]
        slack = 1e-9 * max(a, b)
        assert min(a, b) - slack <= min(path) <= max(path) <= max(a, b) + slack
        steps = [y - x for x, y in pairwise(path)]
        assert all(step * (b - a) >= -slack for step in steps)


def test_linear_adds_and_geometric_multiplies():
    f, g = linear(1.0, 9.0, 0, 4), geometric(1.0, 16.0, 0, 4)
    assert [f(step) for step in range(5)] == pytest.approx([1, 3, 5, 7, 9])
    assert [g(step) for step in range(5)] == pytest.approx([1, 2, 4, 8, 16])


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match=r"start 10 and end 10"):
        linear(0.0, 1.0, 10, 10)
    with pytest.raises(ValueError, match=r"start -1"):
        geometric(1.0, 2.0, -1, 10)
    with pytest.raises(ValueError, match=r"positive ends, got 0.0 and 1.0"):
        geometric(0.0, 1.0, 0, 10)
