import pytest

from methodic.evidence.numbers.digits import digits
from methodic.metrics import METRICS

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]


@pytest.mark.parametrize(
    ("x", "precision", "metric", "shown"),
    [
        (0.06128, 0.012, ACCURACY, "6.1"),
        (0.06128, 0.0034, ACCURACY, "6.1"),
        (0.06128, 0.00034, ACCURACY, "6.13"),
        (0.06128, 0.00012, ACCURACY, "6.128"),
        (0.061, 0.3, ACCURACY, "10"),
        (123.456, 20.0, RMSE, "120"),
        (123.456, 3.0, RMSE, "123"),
        (0.123456, 0.02, RMSE, "0.12"),
        (0.123456, 0.0, RMSE, "0.123456"),
    ],
)
def test_one_digit_of_the_error_and_two_of_a_one(x, precision, metric, shown):
    assert digits(x, precision, metric) == shown
