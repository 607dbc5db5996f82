import pytest

from tests.unit.exchange_simulator.floor import Floor


@pytest.fixture
def floor() -> Floor:
    """A trading floor where INFY trades at 1545.00."""
    return Floor()
