"""Layers that people use with Node.js functions, as the npm registry has them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support import fetching
from tests.support.functions import client_of, create, layer, unique
from tests.support.installs import install
from tests.support.server import Server

RUNTIME = "nodejs22.x"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[str, Any]]:
    """The endpoint of an S3, and a client of it: archives over 50 MB do not come otherwise."""
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="layers")
    yield endpoint, client
    client.close()
    s3.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bucket: tuple[str, Any]) -> Iterator[Server]:
    """A server with a Node.js that Lamina installed, and a way to the bucket."""
    state = tmp_path_factory.mktemp("node") / "state"
    install(state, RUNTIME)
    environ = {"AWS_ENDPOINT_URL_S3": bucket[0], "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with Server.started(state, environ) as server:
        yield server


@pytest.fixture(scope="module")
def sharp(server: Server) -> str:
    return layer(server, fetching.layer_of(fetching.node_modules("sharp"), "nodejs/node_modules"))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "index.js",
            (
                "const _ = require('lodash');\n"
                "exports.handler = async (event) => [_.chunk(event, 2), require.resolve('lodash')];"
            ),
        ),
        (
            "index.mjs",
            (
                "import _ from 'lodash';\nimport { createRequire } from 'node:module';\n"
                "const found = createRequire(import.meta.url).resolve('lodash');\n"
                "export const handler = async (event) => [_.chunk(event, 2), found];"
            ),
        ),
    ],
    ids=["require", "import"],
)
def test_lodash(server: Server, file: str, source: str) -> None:
    packages = layer(server, fetching.layer_of(fetching.node_modules("lodash"), "nodejs/node_modules"))
    function = create(server, {file: source.encode()}, runtime=RUNTIME, Layers=[packages])
    assert function.value([1, 2, 3]) == [[[1, 2], [3]], "/opt/nodejs/node_modules/lodash/lodash.js"]


_RESIZE = b"""
import sharp from 'sharp';
export const handler = async ({ png, width }) => {
  const made = png ? Buffer.from(png, 'base64')
    : await sharp({ create: { width: 400, height: 200, channels: 3, background: '#3366cc' } }).png().toBuffer();
  const small = sharp(made).resize({ width });
  const { data, info } = await small.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const middle = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * 3;
  return {
    width: info.width, height: info.height, channels: info.channels,
    first: [...data.subarray(0, 3)], middle: [...data.subarray(middle, middle + 3)],
    webp: (await small.webp().toBuffer()).subarray(8, 12).toString(), vips: sharp.versions.vips,
  };
};
"""


def test_sharp_resizes_an_image_with_its_native_library(server: Server, sharp: str) -> None:
    function = create(server, {"index.mjs": _RESIZE}, runtime=RUNTIME, Layers=[sharp], MemorySize=512, Timeout=30)
    answer = function.call({"width": 100})
    assert answer.error is None, answer.raw + answer.log.encode()
    told = answer.value
    assert (told["width"], told["height"], told["channels"]) == (100, 50, 3)
    assert told["first"] == told["middle"] == [0x33, 0x66, 0xCC]
    assert told["webp"] == "WEBP"
    assert told["vips"]


_RENDER = b"""
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

export const handler = async ({ html, width, height }) => {
  const browser = await puppeteer.launch({
    args: await puppeteer.defaultArgs({ args: chromium.args, headless: 'shell' }),
    defaultViewport: { width, height },
    executablePath: await chromium.executablePath(),
    headless: 'shell',
  });
  try {
    const page = await browser.newPage();
    await page.setContent(html);
    const text = await page.evaluate('document.querySelector("h1").getBoundingClientRect().width');
    return {
      png: Buffer.from(await page.screenshot({ type: 'png' })).toString('base64'),
      version: await browser.version(),
      text,
    };
  } finally {
    await browser.close();
  }
};
"""
_PAGE = """
<body style="margin: 0; background: #102030">
<h1 style="font: 40px 'Open Sans', sans-serif; display: inline-block; color: white">rendered ü</h1>
<div style="position: absolute; left: 200px; top: 150px; width: 240px; height: 180px; background: #c04020"></div>
<script>document.body.style.background = '#204060'</script>
</body>
"""


def test_chromium_renders_a_page_to_a_picture(server: Server, bucket: tuple[str, Any], sharp: str) -> None:
    archive = fetching.layer_of(fetching.node_modules("chromium"), "nodejs/node_modules")
    assert len(archive) > 52_428_800
    bucket[1].put_object(Bucket="layers", Key="chromium.zip", Body=archive)
    published = client_of(server).publish_layer_version(
        LayerName=unique("chromium"), Content={"S3Bucket": "layers", "S3Key": "chromium.zip"}
    )
    render = create(
        server,
        {"index.mjs": _RENDER},
        runtime=RUNTIME,
        Layers=[published["LayerVersionArn"]],
        MemorySize=1600,
        Timeout=120,
        EphemeralStorage={"Size": 1024},
    )
    answer = render.call({"html": _PAGE, "width": 640, "height": 480})
    assert answer.error is None, answer.raw + answer.log.encode()
    assert "Chrome" in answer.value["version"]
    # The layer's own fonts are in use: the heading has a width that they give it.
    assert 150 < answer.value["text"] < 300
    picture = base64.b64decode(answer.value["png"])
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (640, 480)

    # What the pixels are, another real layer tells.
    look = create(server, {"index.mjs": _RESIZE}, runtime=RUNTIME, Layers=[sharp], MemorySize=512, Timeout=30)
    seen = look.value({"png": answer.value["png"], "width": 640})
    assert (seen["first"], seen["middle"]) == ([0x20, 0x40, 0x60], [0xC0, 0x40, 0x20])

    again = render.call({"html": _PAGE, "width": 320, "height": 240})
    assert again.error is None, again.raw + again.log.encode()
    assert struct.unpack(">II", base64.b64decode(again.value["png"])[16:24]) == (320, 240)
