from __future__ import annotations

from tests.django_suite.comparison import Comparison


def compare(stock, ours, expected=()):
    reasons = dict.fromkeys(expected, "because")
    return Comparison(frozenset(stock), frozenset(ours), reasons)


def test_the_same_tests_pass():
    comparison = compare("ab", "abc")
    assert comparison.ok
    assert list(comparison.report("suite")) == [
        "suite: stock 2 passed, ours 3 passed, 0 lost"
    ]


def test_a_lost_test_fails_the_comparison():
    comparison = compare("ab", "a")
    assert not comparison.ok
    assert list(comparison.report("suite")) == [
        "lost: b",
        "suite: stock 2 passed, ours 1 passed, 1 lost",
    ]


def test_an_expected_loss_is_told_with_its_reason():
    comparison = compare("ab", "a", expected="b")
    assert comparison.ok
    assert list(comparison.report("suite")) == [
        "expected to be lost: b: because",
        "suite: stock 2 passed, ours 1 passed, 1 lost (1 expected)",
    ]


def test_an_expected_loss_that_passes_fails_the_comparison():
    comparison = compare("ab", "ab", expected="b")
    assert not comparison.ok
    assert "expected to be lost, but passes: b" in comparison.report("suite")


def test_an_expected_loss_that_was_not_run_says_nothing():
    assert compare("a", "a", expected="b").ok


def test_no_tests_at_all_fail_the_comparison():
    assert not compare("", "").ok
