import pytest

from tests.small_weights import make_weights


@pytest.fixture
def weights():
    return make_weights()
