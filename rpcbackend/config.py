"""The settings of the process: a file, the environment, the command line, in rising order."""

from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rpcbackend.api_settings import ApiSettings, SecuritySettings, check_cors
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.system import LogLevel
from rpcbackend.store import Place

MIB = 1024 * 1024


class ConfigurationError(ValueError):
    """The settings cannot be used: no command runs, and the process exits with 78."""


class Disk(BaseModel):
    """What is done when the disk fills up; the reasons are in docs/adr/0022-damage-and-room.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ballast_bytes: Annotated[
        int, Field(ge=0, description="Room that is kept back for a full disk; 0 keeps none.")
    ] = 16 * MIB
    warn_bytes: Annotated[int, Field(ge=0, description="Below this much room the log warns.")] = (
        512 * MIB
    )
    read_only_bytes: Annotated[
        int, Field(ge=0, description="Below this much room nothing is written.")
    ] = 64 * MIB
    first_look_seconds: Annotated[
        float, Field(gt=0, description="How long after the store opened the disk is looked at.")
    ] = 1.0
    look_seconds: Annotated[float, Field(gt=0, description="How often after that.")] = 10.0
    retry_seconds: Annotated[
        float, Field(gt=0, description="How often while nothing is written for want of room.")
    ] = 2.0


class DatabaseSettings(BaseModel):
    """A database that a PostgreSQL server keeps, in the place of a file (docs/scaling.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[
        SecretStr | None,
        Field(
            description="`postgresql://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`; "
            "without it the database is a file in the data directory."
        ),
    ] = None
    school: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Which of the schools in it this one is.")
    ] = 1
    readers: Annotated[
        int, Field(ge=1, le=64, description="Connections that one process takes for reads.")
    ] = 4

    @property
    def place(self) -> Place | None:
        """Where the database is, if a server keeps it."""
        if self.url is None:
            return None
        return Place(url=self.url.get_secret_value(), school=self.school, readers=self.readers)


class CacheSettings(BaseModel):
    """How answers are kept; what for stands in docs/adr/0034-kept-answers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    bytes: Annotated[
        int, Field(ge=0, description="How much memory answers may take; 0 keeps none.")
    ] = 16 * MIB
    ttl_seconds: Annotated[
        float, Field(gt=0, description="How long one is kept at most, though nothing changed.")
    ] = 3600.0
    warm: Annotated[
        bool,
        Field(description="Whether a start makes ready what was asked for most before it."),
    ] = True


class BackupSettings(BaseModel):
    """When backups are made by themselves; they are kept in `backups` in the data directory."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    daily: Annotated[
        bool, Field(description="Whether the first use of a day makes a backup by itself.")
    ] = True
    delay_seconds: Annotated[
        float,
        Field(ge=0, le=24 * 3600, description="How long what is due lets the desk go first."),
    ] = 60.0


class RecordSettings(BaseModel):
    """What is written down of all that goes over the wire (docs/transcripts.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    file: Annotated[
        Path | None, Field(description="Takes the transcript; without it nothing is recorded.")
    ] = None
    part_bytes: Annotated[
        int, Field(ge=4_096, description="A file that is longer is followed by another.")
    ] = 32 * MIB
    parts: Annotated[
        int, Field(ge=1, le=1_000, description="Files that are kept; the oldest goes first.")
    ] = 8
    waiting_bytes: Annotated[
        int, Field(ge=MIB, description="Memory for what is not written yet; the rest is dropped.")
    ] = 64 * MIB


class LogSettings(BaseModel):
    """What is logged, how, and where to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    level: Annotated[
        LogLevel,
        Field(
            description="From which level on: `TRACE`, `DEBUG`, `INFO`, `WARNING`, `ERROR`. "
            "`DEBUG` has a line for every call, `TRACE` its params too."
        ),
    ] = "INFO"
    format: Annotated[
        Literal["text", "json"], Field(description="`text` for people, `json` for programs.")
    ] = "text"
    destination: Annotated[Literal["stderr", "file"], Field(description="`stderr` or `file`.")] = (
        "stderr"
    )
    file: Annotated[
        Path | None,
        Field(description="Which; by default `logs/rpcbackend.log` in the data directory."),
    ] = None
    max_bytes: Annotated[
        int, Field(ge=4_096, description="A file that would become larger is followed by another.")
    ] = 10 * MIB
    interval: Annotated[
        Literal["hour", "day", "week"],
        Field(
            description="`hour`, `day` or `week`: each has a file of its own, whatever its size."
        ),
    ] = "day"
    keep_files: Annotated[
        int, Field(ge=0, le=10_000, description="How many files before it are kept at most.")
    ] = 10
    keep_days: Annotated[
        int, Field(ge=0, le=36_500, description="How many days those are kept at most.")
    ] = 14
    compress: Annotated[bool, Field(description="Whether those are compressed, by gzip.")] = True


class Settings(BaseSettings):
    """Every setting; `RPCBACKEND_<NAME>` in the environment, `<name>` in the TOML file.

    A member of a group is `RPCBACKEND_LIMITS__<NAME>`, or `<name>` under `[limits]`, and so on.
    `docs/configuration.md` is generated from here.
    """

    model_config = SettingsConfigDict(
        env_prefix="RPCBACKEND_",
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
    )

    data_dir: Annotated[
        Path | None, Field(description="Holds the database; by default where the system keeps it.")
    ] = None
    drain_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long a shutdown waits for running calls.")
    ] = 5.0
    limits: Annotated[
        Limits, Field(description="What one connection may ask for, such as `in_flight`.")
    ] = Limits()
    backups: Annotated[
        BackupSettings, Field(description="When backups are made by themselves.")
    ] = BackupSettings()
    cache: Annotated[
        CacheSettings, Field(description="How answers to queries are kept, such as `bytes`.")
    ] = CacheSettings()
    database: Annotated[
        DatabaseSettings, Field(description="The server that keeps the database, such as `url`.")
    ] = DatabaseSettings()
    disk: Annotated[
        Disk, Field(description="When the disk is too full, such as `read_only_bytes`.")
    ] = Disk()
    outside: Annotated[OutsideSettings, Field(description="How the world outside is called.")] = (
        OutsideSettings()
    )
    record: Annotated[
        RecordSettings, Field(description="Whether a transcript is written, such as `file`.")
    ] = RecordSettings()
    log: Annotated[LogSettings, Field(description="What is logged, how, and where to.")] = (
        LogSettings()
    )
    api: Annotated[
        ApiSettings,
        Field(description="The HTTP mirror (docs/mirror.md), off unless enabled."),
    ] = ApiSettings()
    security: Annotated[SecuritySettings, Field(description="What keeps the mirror safe.")] = (
        SecuritySettings()
    )
    read_only: Annotated[
        bool, Field(description="Serve the database as it is and write nothing, damaged or not.")
    ] = False

    @model_validator(mode="after")
    def _allows_no_more_than_it_may(self) -> Self:
        check_cors(self.api, self.security)
        return self

    @property
    def has_own_backups(self) -> bool:
        """Whether backups are made by themselves; a server that keeps the database has its own."""
        return self.backups.daily and self.database.url is None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (part of the hook)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (part of the hook)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line first, then the environment, then the file.

        Raises:
            ValueError: The environment sets what only the file may.
        """
        if "allow_private" in (env_settings().get("outside") or {}):
            raise ValueError("outside.allow_private is set in the file alone")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(file: Path | None, **given: Any) -> Settings:
    """Read the settings; what is *given* and not None wins.

    Raises:
        ConfigurationError: A value does not fit, the environment sets what only the file may, or
            the file is not there or no TOML. It names what is wrong and repeats no value.
    """
    if file is not None and not file.is_file():
        raise ConfigurationError(f"there is no file {file}")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return FromFile(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(_told(error)) from None
    except (OSError, ValueError) as error:
        where = f"{file}: " if isinstance(error, OSError | TOMLDecodeError) else ""
        raise ConfigurationError(f"{where}{error}") from None


def _told(error: ValidationError) -> str:
    """Name each setting that does not fit, and say why."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # What does not fit together has no name of its own.
    names = [f"{'.'.join(map(str, each['loc']))}: " if each["loc"] else "" for each in found]
    reasons = [each["msg"].removeprefix("Value error, ") for each in found]
    return "; ".join(map("".join, zip(names, reasons, strict=True)))


def find_data_dir(given: Path | None) -> Path:
    """Return the data directory: the *given* one, the environment's, or the system's."""
    return load_settings(None, data_dir=given).data_dir or default_data_dir()


def default_data_dir() -> Path:
    """Return where the operating system wants this user's data."""
    from platformdirs import user_data_path  # noqa: PLC0415 (not needed when Electron says where)

    return user_data_path("rpcbackend", appauthor=False)
