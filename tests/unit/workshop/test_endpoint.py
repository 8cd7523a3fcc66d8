"""Which API a tool talks to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lamina.workshop.endpoint import AWS, Endpoint, EndpointError

OWN = "http://127.0.0.1:4566"
OTHER = {"AWS_ENDPOINT_URL": "http://other:1"}


@pytest.mark.parametrize(
    ("given", "environ", "profile", "url"),
    [
        (None, {}, None, OWN),
        ("http://given:1", OTHER, "p", "http://given:1"),
        (None, OTHER, "p", "http://other:1"),
        (None, {**OTHER, "AWS_ENDPOINT_URL_LAMBDA": "http://lambda:1"}, None, "http://lambda:1"),
        (None, {}, "p", None),
        (None, {"AWS_PROFILE": "p"}, None, None),
        (AWS, OTHER, None, AWS),
        # Credentials alone are on every second laptop: they do not mean AWS.
        (None, {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}, None, OWN),
    ],
)
def test_aws_is_asked_only_when_named(
    given: str | None, environ: Mapping[str, str], profile: str | None, url: str | None
) -> None:
    assert Endpoint.choose(given, environ, OWN, profile=profile).url == url


def test_aws_itself_is_meant_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    client = Endpoint(AWS, region="eu-central-1").client()
    assert client.meta.endpoint_url == "https://lambda.eu-central-1.amazonaws.com"


def test_a_server_gets_made_up_keys_and_the_region_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = Endpoint(OWN, default_region="eu-west-1").client()
    assert (client.meta.endpoint_url, client.meta.region_name) == (OWN, "eu-west-1")
    assert Endpoint(OWN).client(region="ap-south-1").meta.region_name == "ap-south-1"


def test_a_client_for_many_threads_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = Endpoint(OWN).client(connections=16).meta.config
    assert config.max_pool_connections == 16
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 10}
    assert Endpoint(OWN).client().meta.config.retries["total_max_attempts"] == 1


def test_a_client_that_invokes_waits_as_long_as_a_function_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = Endpoint(OWN).client(connections=16, invoking=True).meta.config
    assert config.read_timeout > 900
    assert (config.retries["mode"], config.max_pool_connections) == ("standard", 16)


@pytest.mark.parametrize("address", ["http://127.0.0.1:4566,", "http://127.0.0.1:port", "localhost:4566", "http://"])
def test_what_is_no_address_is_told_before_anybody_is_asked(address: str) -> None:
    with pytest.raises(EndpointError, match="is no address of a server") as error:
        Endpoint(address).client()
    assert error.value.code == EndpointError.USAGE
