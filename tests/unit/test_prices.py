"""Prices as AWS's pages give them; testing/prices.py names the page of each."""

from __future__ import annotations

import pytest

from testing import prices
from testing.prices import cdn_charges, dollars, dollars_beyond_free, lambda_charges, log_charges, total

MILLION = 1_000_000


def test_lambda_costs_requests_and_the_time_of_the_memory() -> None:
    assert dollars(lambda_charges(MILLION, 0.1, 512)) == pytest.approx(0.20 + 0.05 * 13.3334)


def test_twice_the_memory_is_twice_the_price_of_the_time() -> None:
    half, full = (lambda_charges(1, 10, memory)[prices.LAMBDA_GB_SECOND] for memory in (512, 1024))
    assert (half, full) == (5, 10)


def test_a_fifo_request_costs_a_quarter_more_than_one_of_a_standard_queue() -> None:
    assert dollars({prices.SQS_REQUEST: MILLION}) == pytest.approx(0.40)
    assert dollars({prices.FIFO_REQUEST: MILLION}) == pytest.approx(0.50)


def test_ten_thousand_https_requests_through_cloudfront_cost_a_cent_and_their_data() -> None:
    assert dollars(cdn_charges(10_000, 0)) == pytest.approx(0.01)
    assert dollars(cdn_charges(MILLION, 1_000)) == pytest.approx(1.00 + 0.085)
    assert dollars(cdn_charges(MILLION, 0, functions=MILLION)) == pytest.approx(1.00 + 0.10)


def test_the_first_ten_million_requests_of_a_month_are_free() -> None:
    assert dollars_beyond_free(cdn_charges(10 * MILLION, 0)) == 0
    assert dollars_beyond_free(cdn_charges(11 * MILLION, 0)) == pytest.approx(1.00)


def test_a_fourth_dashboard_costs_three_dollars() -> None:
    assert dollars_beyond_free({prices.DASHBOARD_MONTH: 3}) == 0
    assert dollars_beyond_free({prices.DASHBOARD_MONTH: 4}) == pytest.approx(3.00)


def test_a_metric_is_billed_for_the_hours_in_which_it_is_sent() -> None:
    assert dollars({prices.METRIC_HOUR: prices.HOURS}) == pytest.approx(0.30)
    assert dollars({prices.METRIC_HOUR: prices.HOURS / 2}) == pytest.approx(0.15)


def test_a_log_is_billed_when_it_is_written_and_while_it_is_kept() -> None:
    assert dollars(log_charges(prices.GB)) == pytest.approx(0.50 + 0.03)


def test_a_free_allowance_is_used_up_once_for_all_lines_together() -> None:
    line = {prices.LAMBDA_REQUEST: 800_000.0}
    assert dollars_beyond_free(line) == 0
    assert dollars_beyond_free(total(line, line)) == pytest.approx(600_000 * 0.20e-6)
