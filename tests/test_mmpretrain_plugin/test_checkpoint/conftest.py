import pytest

from tests.helpers.small_weights import make_weights


@pytest.fixture
def weights():
    return make_weights()
