"""For which service a request is, by its signature or its form."""

from __future__ import annotations

import pytest

from lamina.companions.recognising import SHOWN, Recognised, recognise

HERE = "127.0.0.1:4566"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize("service", [*SHOWN, "monitoring"])
def test_a_signature_tells_the_service(service: str) -> None:
    assert recognise("POST", "/a/b?c", {"host": HERE}, service) == Recognised(service, "/a/b?c")


@pytest.mark.parametrize(
    "host",
    [
        "photos.localhost:4566",
        "photos.s3.localhost:4566",
        "photos.s3.eu-central-1.localhost.localstack.cloud:4566",
        "photos.localhost.localstack.cloud:4566",
        "photos.s3.amazonaws.com",
        "photos.s3-eu-west-1.amazonaws.com",
        "photos.s3.dualstack.eu-west-1.amazonaws.com",
    ],
)
@pytest.mark.parametrize("signed_for", ["s3", None])
def test_a_bucket_in_the_host_comes_into_the_path(host: str, signed_for: str | None) -> None:
    assert recognise("PUT", "/a%2Fb?x", {"host": host}, signed_for) == Recognised("s3", "/photos/a%2Fb?x")


def test_a_bucket_may_have_dots() -> None:
    assert recognise("GET", "/k", {"host": "my.own.bucket.s3.localhost"}, "s3") == Recognised("s3", "/my.own.bucket/k")


@pytest.mark.parametrize("host", [HERE, "localhost:4566", "s3.localhost:4566", "s3.eu-west-1.amazonaws.com", "box:80"])
def test_other_hosts_hold_no_bucket(host: str) -> None:
    assert recognise("GET", "/photos/k", {"host": host}, "s3") == Recognised("s3", "/photos/k")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/b/k?AWSAccessKeyId=111122223333&Signature=x%3D&Expires=1", {}),
        ("/b/k?Expires=1&AWSAccessKeyId=111122223333&Signature=x%3D", {}),
        ("/b/k", {"authorization": "AWS 111122223333:x="}),
    ],
)
def test_the_signatures_before_version_4_are_s3s(target: str, headers: dict[str, str]) -> None:
    found = recognise("GET", target, {"host": HERE, **headers}, None)
    assert found == Recognised("s3", target, "111122223333")


@pytest.mark.parametrize("target", ["/2015-03-31/functions", "/2018-10-31/layers/a/versions?x", "/", "/bucket"])
def test_without_a_signature_what_could_be_lambdas_is_lambdas(target: str) -> None:
    assert recognise("GET", target, {"host": HERE}, None) is None


def test_lambdas_paths_are_its_own_at_any_host() -> None:
    assert recognise("GET", "/2015-03-31/functions", {"host": "lamina.localhost:4566"}, None) is None


def test_an_object_without_a_signature_is_s3s() -> None:
    assert recognise("GET", "/bucket/key", {"host": HERE}, None) == Recognised("s3", "/bucket/key")
    assert recognise("PUT", "/bucket/key", {"host": HERE}, None) is None


def test_a_signed_form_is_an_upload() -> None:
    headers = {"host": HERE, "content-type": "multipart/form-data; boundary=x"}
    assert recognise("POST", "/bucket", headers, None) == Recognised("s3", "/bucket")


def test_what_needs_no_signature_is_asked_of_sts() -> None:
    assert recognise("POST", "/", {"host": HERE, **FORM}, None) == Recognised("sts", "/")
