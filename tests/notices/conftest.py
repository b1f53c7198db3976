"""A school whose student can be written to."""

import pytest

from rpcbackend.testing import Client
from tests.factories import School
from tests.notices.desk import open_school


@pytest.fixture
async def school(client: Client) -> School:
    """A school whose student has a mail address."""
    return await open_school(client)
