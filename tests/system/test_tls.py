"""A server that speaks TLS, or stands behind somebody who does."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import zips
from tests.support.functions import unique
from tests.support.server import REGION, Server

pytestmark = pytest.mark.anybody


def certify(folder: Path, name: str) -> None:
    """Put a certificate that signs itself, and its key, in place of those in *folder*."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.new").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    (folder / "cert.new").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for which in ("key", "cert"):
        (folder / f"{which}.new").rename(folder / f"{which}.pem")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certify(folder, "first")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    files = ("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"))
    with Server.started(folder / "state", None, *files, "--trusted-proxy", "127.0.0.0/8") as server:
        yield server


def name_in(server: Server, **options: int) -> bytes:
    """The certificate that a new connection is shown, as it is sent."""
    url = urlsplit(server.endpoint)
    assert url.hostname is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "maximum" in options:
        context.maximum_version = ssl.TLSVersion(options["maximum"])
    with socket.create_connection((url.hostname, url.port or 0), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            shown = secured.getpeercert(binary_form=True)
            assert shown is not None
            return shown


def test_tools_talk_to_it_and_get_addresses_they_can_use(server: Server, folder: Path) -> None:
    assert server.endpoint.startswith("https://127.0.0.1:")
    client = boto3.session.Session().client(
        "lambda",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=str(folder / "cert.pem"),
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    # Large enough to come in many pieces.
    archive = zips.of({"data": bytes(range(256)) * 8192})
    published = client.publish_layer_version(LayerName=unique("tls"), Content={"ZipFile": archive})
    location = published["Content"]["Location"]
    assert location.startswith(f"{server.endpoint}/")
    trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    with urllib.request.urlopen(location, timeout=60, context=trusted) as answer:
        assert answer.read() == archive


def test_versions_of_tls_before_1_2_and_plain_http_are_refused(server: Server) -> None:
    with pytest.raises(ssl.SSLError), pytest.warns(DeprecationWarning, match="TLSv1_1"):
        name_in(server, maximum=ssl.TLSVersion.TLSv1_1)
    url = urlsplit(server.endpoint)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as plain:
        plain.sendall(b"GET /_lamina/health HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert not plain.recv(100).startswith(b"HTTP/")
        except ConnectionResetError:
            pass


def test_a_renewed_certificate_is_in_force_with_the_next_connection(server: Server, folder: Path) -> None:
    before = name_in(server)
    kept = (folder / "key.pem").read_bytes()
    certify(folder, "second")
    after = name_in(server)
    assert before != after
    renewed = (folder / "key.pem").read_bytes()
    (folder / "key.pem").write_bytes(kept)
    assert name_in(server) == after
    assert "are no certificate and its key" in server.said()
    (folder / "key.pem").write_bytes(renewed)
    assert name_in(server) == after


def test_a_proxy_that_is_believed_says_where_addresses_lead(server: Server, folder: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    headers = {
        "X-Forwarded-Host": "layers.example.com",
        "X-Forwarded-Proto": "https",
        "Content-Type": "application/json",
    }
    body = json.dumps({"Content": {"ZipFile": base64.b64encode(zips.of({"a": b""})).decode()}}).encode()
    url = f"{server.endpoint}/2018-10-31/layers/{unique('proxied')}/versions"
    asked = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(asked, timeout=60, context=trusted) as answer:
        location = json.load(answer)["Content"]["Location"]
    assert location.startswith("https://layers.example.com/_lamina/content/")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tls-cert", "/nowhere"], "must be given together with --tls-key"),
        (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "--tls-cert is '/nowhere', but must be a certificate"),
        (["--trusted-proxy", "10.0.0.300"], "--trusted-proxy is '10.0.0.300', but must be addresses or networks"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_begun(tmp_path: Path, options: list[str], told: str) -> None:
    command = [sys.executable, "-m", "lamina", "up", "--port", "0", "--state", str(tmp_path / "state"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
