import pytest
from transport_client import LOOPS
from transport_tls import no_settings_of_this_machine, trust  # noqa: F401  (fixtures)


@pytest.fixture(params=sorted(LOOPS))
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
