"""The settings: every name of interfaces section 1, typed, from the environment or `.env` in the working directory.

It holds names, defaults and what follows from them (paths below the home). It opens nothing and connects to nothing: a
wrong value stops the start with a sentence that names it, and never shows a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from resources.errors import ConfigurationError
from rules.policy import MajorUnits, Pattern

MONO_BASE_URL = "https://api.withmono.com"
CATALOGUES, STORES = "sqlite:PATH or postgres:CONNECTION", "a folder or s3://bucket/prefix"
"""What a catalogue and a place for data files are written as."""


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("it must be a web address that starts with http:// or https:// and holds no user, ? or #")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(BaseSettings):
    """The settings of one process; a field's description is what its value must be."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    mono_base_url: Address = Field(default=MONO_BASE_URL, description="a web address")
    mono_secret_key: SecretStr | None = Field(default=None, description="the secret key of the Mono app")
    mono_app_id: str | None = Field(default=None, description="the id of the Mono app")
    mono_webhook_secret: SecretStr | None = Field(default=None, description="one secret or two with a comma between")
    mono_verify_signature: bool = Field(default=True, description="true or false")
    mono_widget_base_url: Address | None = Field(default=None, description="a web address")
    mono_business_floor: MajorUnits | None = Field(default=None, description="an amount in naira, such as 1000")
    mono_reference_regex: Pattern | None = Field(default=None, description="a regular expression")
    mono_data_retention_days: Days | None = Field(default=None, description="a whole number of days above 0")
    mono_realtime: bool = Field(default=False, description="true or false")
    mono_initial_history_days: Days = Field(default=90, description="a whole number of days from 1 to 36500")
    mono_lookback_days: int = Field(default=14, ge=0, le=36_500, description="a whole number of days from 0 to 36500")
    mono_rate_limit: float = Field(default=10.0, gt=0, le=10_000, description="requests per second, above 0")
    mono_concurrency: int = Field(default=8, ge=1, le=256, description="a whole number from 1 to 256")
    kobosift_home: Path = Field(default=Path(".kobosift"), description="the path of a folder")
    # A PostgreSQL catalogue's address may hold a password.
    kobosift_catalog: SecretStr | None = Field(default=None, description=CATALOGUES)
    kobosift_data: str | None = Field(default=None, description=STORES)
    kobosift_encrypted: bool = Field(default=False, description="true or false")
    kobosift_policy: Path | None = Field(default=None, description="the path of a policy file")
    # An address that takes alerts may hold a key.
    kobosift_alert_url: SecretStr | None = Field(default=None, description="a web address that takes alerts")
    kobosift_alert_secret: SecretStr | None = Field(default=None, description="the secret that signs alerts")
    kobosift_environment: Literal["sandbox", "production"] = Field(
        default="sandbox", description="sandbox or production"
    )
    kobosift_rate_limit: float = Field(
        default=100.0, gt=0, le=100_000, description="requests per second and token, above 0"
    )
    nrs_base_url: Address | None = Field(default=None, description="a web address")
    nrs_api_key: SecretStr | None = Field(default=None, description="the key of the e-invoicing service")
    nrs_api_secret: SecretStr | None = Field(default=None, description="the secret of the e-invoicing service")
    nrs_business_id: str | None = Field(default=None, description="the id of the business at the e-invoicing service")
    nrs_service_id: str | None = Field(default=None, pattern="^[A-Za-z0-9]{8}$", description="eight letters and digits")
    nrs_public_key: Path | None = Field(default=None, description="the path of a public key in PEM")
    nrs_certificate: SecretStr | None = Field(default=None, description="the certificate that QR codes carry")

    @field_validator("mono_webhook_secret")
    @classmethod
    def _one_secret_or_two(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secrets = [part.strip() for part in value.get_secret_value().split(",")]
            if len(secrets) > 2 or not all(secrets):
                raise ValueError("it must be one secret, or two with a comma between while the secret is being changed")
        return value

    @field_validator("kobosift_home", "kobosift_policy", "nrs_public_key")
    @classmethod
    def _whole_path(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("kobosift_home")
    @classmethod
    def _a_folder(cls, value: Path) -> Path:
        if value.exists() and not value.is_dir():
            raise ValueError("it must be the path of a folder, and a file of that name is in the way")
        return value

    @field_validator("kobosift_policy")
    @classmethod
    def _a_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"it must be the path of a policy file, and there is none at {value}")
        return value

    @field_validator("kobosift_alert_url")
    @classmethod
    def _somewhere_on_the_web(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("it must be a web address that starts with http:// or https://")
        return value

    @field_validator("kobosift_catalog")
    @classmethod
    def _a_known_catalogue(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_catalogue(value.get_secret_value()):
            raise ValueError(f"it must be {CATALOGUES}")
        return value

    @field_validator("kobosift_data")
    @classmethod
    def _a_known_store(cls, value: str | None) -> str | None:
        if value is not None and not is_store(value):
            raise ValueError(f"it must be {STORES}")
        return value

    @model_validator(mode="after")
    def _signatures_are_checked_in_production(self) -> Self:
        if self.kobosift_environment == "production" and not self.mono_verify_signature:
            raise PydanticCustomError("unsafe", "MONO_VERIFY_SIGNATURE cannot be false in production: leave it out")
        return self

    @property
    def catalog(self) -> str:
        """Where the DuckLake catalogue is: `sqlite:/whole/path` or `postgres:connection` (may hold a password)."""
        if self.kobosift_catalog is None:
            return f"sqlite:{self.kobosift_home / 'catalog.sqlite'}"
        kind, _, rest = self.kobosift_catalog.get_secret_value().partition(":")
        return f"sqlite:{Path(rest).expanduser().absolute()}" if kind == "sqlite" else f"{kind}:{rest}"

    @property
    def data(self) -> str:
        """Where the Parquet files are: a folder's whole path or an `s3://` address."""
        if self.kobosift_data is None:
            return str(self.kobosift_home / "data")
        if self.kobosift_data.startswith("s3://"):
            return self.kobosift_data
        return str(Path(self.kobosift_data).expanduser().absolute())

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's own records."""
        return self.kobosift_home / "dagster"

    @property
    def landing(self) -> Path:
        """The folder that events from outside land in."""
        return self.kobosift_home / "landing"

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The live webhook secrets, none to two."""
        if self.mono_webhook_secret is None:
            return ()
        return tuple(SecretStr(part.strip()) for part in self.mono_webhook_secret.get_secret_value().split(","))

    @property
    def upstream_is_mono(self) -> bool:
        """Whether the upstream is Mono itself, which answers nobody without a key."""
        return urlsplit(self.mono_base_url).hostname == urlsplit(MONO_BASE_URL).hostname

    def upstream_key(self) -> SecretStr | None:
        """Return the key to send to the upstream; None for a sandbox that asks for none.

        Raises:
            ConfigurationError: the upstream is Mono itself and there is no key.

        """
        if self.mono_secret_key is None and self.upstream_is_mono:
            raise ConfigurationError(
                f"MONO_SECRET_KEY is not set, and {self.mono_base_url} answers nobody without it: "
                "set it in the environment or in .env, or point MONO_BASE_URL at a sandbox."
            )
        return self.mono_secret_key


def is_catalogue(value: str) -> bool:
    """Whether a text names a catalogue (`CATALOGUES`)."""
    kind, _, place = value.partition(":")
    return kind in ("sqlite", "postgres") and bool(place)


def is_store(value: str) -> bool:
    """Whether a text names a place for data files (`STORES`)."""
    return "://" not in value or value.startswith("s3://")


def load_settings() -> Settings:
    """Read the settings from the environment and from `.env` in the working directory; a blank value counts as unset.

    Raises:
        ConfigurationError: a value cannot be used; the sentence names each such setting and what it must be.

    """
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(_sentence(error)) from None  # the chain would hold the values
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f".env cannot be read ({type(error).__name__}): make it a readable text file in UTF-8, or remove it."
        ) from None


def _sentence(error: ValidationError) -> str:
    told = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] == "value_error":
            what = fault["msg"].removeprefix("Value error, ")
        elif name:
            what = f"it must be {Settings.model_fields[name].description}"
        else:
            what = fault["msg"]
        told.append(f"{name.upper()}: {what}" if name else what)
    return f"{'; '.join(told)}. Correct it in the environment or in .env."
