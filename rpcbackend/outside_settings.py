"""The settings of what goes outside, under the names of the design too."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rpcbackend.api_settings import Duration
from rpcbackend.outside.policy import Policy
from rpcbackend.resilience.backoff import Strategy
from rpcbackend.resilience.breaker import BreakerLimits

DESIGN_NAMES: Final = {
    "maxConnections": "max_connections",
    "timeout": "timeout_seconds",
    "retryAttempts": "retry_attempts",
    "backoffStrategy": "backoff_strategy",
}
"""What the design calls the members of its ResourceConfig; the file may too."""


class ResourceSettings(BaseModel):
    """How hosts of one channel are called: the ResourceConfig of the design."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    max_connections: Annotated[
        int,
        Field(
            ge=1, le=64, description="To one host, at a time; in the file also `maxConnections`."
        ),
    ] = Policy().max_connections
    timeout_seconds: Annotated[
        Duration,
        Field(
            le=30,
            description="For one call with all of its tries, half of a lease at most; in the file "
            "also `timeout`.",
        ),
    ] = Policy().timeout_seconds
    retry_attempts: Annotated[
        int,
        Field(
            ge=0,
            le=10,
            description="At once, after one that reached nobody; in the file also `retryAttempts`.",
        ),
    ] = Policy().retry_attempts
    backoff_strategy: Annotated[
        Strategy,
        Field(
            description="Of these: `constant`, `linear`, `exponential` (full jitter) or "
            "`decorrelated` (jitter); in the file also `backoffStrategy`."
        ),
    ] = Policy().backoff_strategy

    @model_validator(mode="before")
    @classmethod
    def _takes_the_names_of_the_design(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        renamed = {
            DESIGN_NAMES[name]: value for name, value in given.items() if name in DESIGN_NAMES
        }
        # What is given in both ways came from the environment, which wins.
        return renamed | {name: value for name, value in given.items() if name not in DESIGN_NAMES}

    @property
    def policy(self) -> Policy:
        """What the gate is told."""
        return Policy(**self.model_dump())


class WebhookSettings(ResourceSettings):
    """How receivers of webhooks are called: anybody may be one, so none has long."""

    timeout_seconds: Annotated[
        Duration,
        Field(
            le=30,
            description="For one call with all of its tries; in the file also `timeout`.",
        ),
    ] = 10.0


class BreakerSettings(BaseModel):
    """When a host that fails is left alone; see docs/adr/0036-one-gate-to-the-outside.md."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    failures: Annotated[int, Field(ge=1, description="So many in a row are too many.")] = (
        BreakerLimits().failures
    )
    share: Annotated[
        float, Field(gt=0, le=1, description="So large a share of the calls in the window is too.")
    ] = BreakerLimits().share
    calls: Annotated[
        int, Field(ge=1, description="Fewer calls in the window say nothing of a share.")
    ] = BreakerLimits().calls
    window_seconds: Annotated[float, Field(gt=0, description="How long it is.")] = (
        BreakerLimits().window_seconds
    )
    open_seconds: Annotated[
        float,
        Field(gt=0, description="How long it is left alone at first; doubled each time after."),
    ] = BreakerLimits().open_seconds
    longest_seconds: Annotated[float, Field(gt=0, description="And how long at most.")] = (
        BreakerLimits().longest_seconds
    )

    @property
    def limits(self) -> BreakerLimits:
        """What the gate is told."""
        return BreakerLimits(**self.model_dump())


class OutsideSettings(BaseModel):
    """How the world outside is called."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mail: Annotated[ResourceSettings, Field(description="Servers that take mail.")] = (
        ResourceSettings()
    )
    sms: Annotated[ResourceSettings, Field(description="Services that send text messages.")] = (
        ResourceSettings()
    )
    payment: Annotated[ResourceSettings, Field(description="Services that take payments.")] = (
        ResourceSettings()
    )
    webhook: Annotated[WebhookSettings, Field(description="Receivers of webhooks.")] = (
        WebhookSettings()
    )
    breaker: Annotated[BreakerSettings, Field(description="When a host is left alone.")] = (
        BreakerSettings()
    )
    allow_private: Annotated[
        bool,
        Field(
            description="For development: also http, other ports, and addresses of this machine "
            "and its network.",
            json_schema_extra={"file_only": True},
        ),
    ] = False
