"""The settings say what they read, and refuse with a sentence."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from resources.clock import FixedClock, SystemClock
from resources.errors import ConfigurationError, KobosiftError, UpstreamError, WarehouseError
from resources.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def refused(**values: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        with pytest.raises(ConfigurationError) as caught:
            load_settings()
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_with_nothing_set_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.mono_base_url == "https://api.withmono.com"
    assert settings.mono_secret_key is None
    assert settings.mono_verify_signature is True
    assert (settings.mono_initial_history_days, settings.mono_lookback_days) == (90, 14)
    assert (settings.mono_rate_limit, settings.mono_concurrency) == (10.0, 8)
    assert settings.kobosift_environment == "sandbox"
    home = tmp_path / ".kobosift"
    assert settings.kobosift_home == home
    assert settings.catalog == f"sqlite:{home}/catalog.sqlite"
    assert settings.data == f"{home}/data"
    assert settings.dagster_home == home / "dagster"
    assert settings.landing == home / "landing"
    assert not home.exists()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MONO_APP_ID=from-file\nMONO_CONCURRENCY=3\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("MONO_APP_ID", "from-environment")
    settings = load_settings()
    assert (settings.mono_app_id, settings.mono_concurrency) == ("from-environment", 3)


def test_a_blank_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MONO_CONCURRENCY=\nKOBOSIFT_HOME=\n")
    monkeypatch.setenv("MONO_BUSINESS_FLOOR", "")
    settings = load_settings()
    assert settings.mono_concurrency == 8
    assert settings.mono_business_floor is None
    assert settings.kobosift_home == tmp_path / ".kobosift"


def test_the_example_lists_every_setting_with_a_line_above_it(tmp_path: Path) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.partition("=")[0]: lines[at - 1] for at, line in enumerate(lines) if line and line[0] != "#"}
    assert set(named) == {name.upper() for name in Settings.model_fields}
    assert all(above.startswith("# ") and above.endswith(".") for above in named.values())
    (tmp_path / ".env").write_text("\n".join(lines))
    assert load_settings() == Settings(_env_file=None)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MONO_BASE_URL", "api.withmono.com", "http:// or https://"),
        ("MONO_BASE_URL", "https://user:pass@host", "holds no user"),
        ("MONO_WIDGET_BASE_URL", "ftp://widget", "http:// or https://"),
        ("MONO_VERIFY_SIGNATURE", "perhaps", "true or false"),
        ("MONO_BUSINESS_FLOOR", "a lot", "at most two decimals"),
        ("MONO_BUSINESS_FLOOR", "10.005", "at most two decimals"),
        ("MONO_REFERENCE_REGEX", "INV-(", "regular expression"),
        ("MONO_DATA_RETENTION_DAYS", "0", "whole number of days"),
        ("MONO_INITIAL_HISTORY_DAYS", "1.5", "whole number of days"),
        ("MONO_LOOKBACK_DAYS", "-1", "whole number of days"),
        ("MONO_RATE_LIMIT", "0", "above 0"),
        ("MONO_RATE_LIMIT", "nan", "above 0"),
        ("MONO_CONCURRENCY", "many", "whole number"),
        ("KOBOSIFT_CATALOG", "mysql:here", "sqlite:PATH or postgres:CONNECTION"),
        ("KOBOSIFT_CATALOG", "sqlite:", "sqlite:PATH or postgres:CONNECTION"),
        ("KOBOSIFT_DATA", "gs://bucket", "s3://bucket/prefix"),
        ("KOBOSIFT_POLICY", "nowhere.toml", "policy file"),
        ("KOBOSIFT_ENVIRONMENT", "staging", "sandbox or production"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(name: str, value: str, expected: str) -> None:
    sentence = refused(**{name: value})
    assert sentence.startswith(f"{name}: ")
    assert expected in sentence
    assert "\n" not in sentence


def test_every_wrong_value_is_named_at_once() -> None:
    sentence = refused(MONO_RATE_LIMIT="fast", MONO_CONCURRENCY="0")
    assert "MONO_RATE_LIMIT: " in sentence
    assert "MONO_CONCURRENCY: " in sentence


def test_a_secret_is_in_no_message_and_in_no_picture_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "canary" not in refused(MONO_WEBHOOK_SECRET="canary,canary,canary")
    assert "canary" not in refused(KOBOSIFT_CATALOG="mysql:password=canary")
    monkeypatch.setenv("MONO_SECRET_KEY", "canary")
    monkeypatch.setenv("MONO_WEBHOOK_SECRET", "canary-1, canary-2")
    monkeypatch.setenv("KOBOSIFT_CATALOG", "postgres:password=canary")
    settings = load_settings()
    assert "canary" not in repr(settings)
    assert [secret.get_secret_value() for secret in settings.webhook_secrets] == ["canary-1", "canary-2"]
    assert settings.catalog == "postgres:password=canary"


def test_unchecked_signatures_are_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = refused(KOBOSIFT_ENVIRONMENT="production", MONO_VERIFY_SIGNATURE="false")
    assert sentence.startswith("MONO_VERIFY_SIGNATURE cannot be false in production")
    monkeypatch.setenv("MONO_VERIFY_SIGNATURE", "false")
    assert load_settings().mono_verify_signature is False


def test_mono_itself_needs_a_key_and_a_sandbox_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="MONO_SECRET_KEY is not set"):
        load_settings().upstream_key()
    monkeypatch.setenv("MONO_BASE_URL", "http://127.0.0.1:8700/")
    settings = load_settings()
    assert settings.mono_base_url == "http://127.0.0.1:8700"
    assert settings.upstream_key() is None


def test_paths_are_taken_from_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KOBOSIFT_HOME", "here")
    monkeypatch.setenv("KOBOSIFT_CATALOG", "sqlite:there/it's.sqlite")
    monkeypatch.setenv("KOBOSIFT_DATA", "files")
    settings = load_settings()
    assert settings.kobosift_home == tmp_path / "here"
    assert settings.catalog == f"sqlite:{tmp_path}/there/it's.sqlite"
    assert settings.data == str(tmp_path / "files")
    monkeypatch.setenv("KOBOSIFT_DATA", "s3://bucket/prefix")
    assert load_settings().data == "s3://bucket/prefix"


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert refused(KOBOSIFT_HOME="taken").startswith("KOBOSIFT_HOME: it must be the path of a folder")


def test_an_env_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MONO_APP_ID=\xff\xfe")
    assert refused().startswith(".env cannot be read")


def test_the_system_clock_tells_utc_and_a_fixed_one_stands() -> None:
    assert SystemClock().now().tzinfo is UTC
    moment = datetime(2026, 1, 5, 12, tzinfo=timezone(timedelta(hours=1)))
    assert FixedClock(moment).now() == moment
    assert FixedClock(moment).now().tzinfo is UTC
    with pytest.raises(ValueError, match="zone"):
        FixedClock(datetime(2026, 1, 5))


def test_each_error_knows_its_exit_code() -> None:
    assert KobosiftError.exit_code == WarehouseError.exit_code == UpstreamError.exit_code == 1
    assert ConfigurationError.exit_code == 2
