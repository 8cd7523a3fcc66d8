"""A function that answers through the Runtime API by itself, so that a test can say how its response comes.

`CODE` never gives Python's own client a turn: importing it is the loop. The event says what to do, one key after the
other: `mode` ("whole" for an answer in one piece), `type` and `prelude`, `chunks`, `count` times `size` bytes, and then
`end`: "error" behind the response, "exit", "hang", "drop" the connection, or nothing of it.
"""

from __future__ import annotations

CODE = r"""
import base64, http.client, json, os, socket, sys, time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PROCESS = os.urandom(8).hex()
finished = 0

def take():
    connection = http.client.HTTPConnection(API)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    event = json.loads(answer.read())
    connection.close()
    return answer.headers["Lambda-Runtime-Aws-Request-Id"], event

def chunk(connection, data):
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

def stream(request_id, event):
    host, port = API.split(":")
    connection = socket.create_connection((host, int(port)))
    head = ["POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1" % request_id, "Host: " + API]
    head += ["Lambda-Runtime-Function-Response-Mode: streaming", "Transfer-Encoding: chunked"]
    head += ["Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"]
    if "type" in event:
        head.append("Content-Type: " + event["type"])
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
    if "prelude" in event:
        chunk(connection, json.dumps(event["prelude"]).encode())
        chunk(connection, bytes(8))
    for text in event.get("chunks", ()):
        chunk(connection, text.encode())
    piece = b"x" * event.get("size", 0)
    for _ in range(event.get("count", 0)):
        chunk(connection, piece)
    end = event.get("end")
    if end == "exit":
        os._exit(3)
    while end == "hang":
        time.sleep(60)
    if end == "drop":
        connection.close()
        return
    trailers = b""
    if end == "error":
        body = base64.b64encode(json.dumps({"errorType": "Mine", "errorMessage": "behind"}).encode())
        trailers = b"Lambda-Runtime-Function-Error-Type: Mine\r\nLambda-Runtime-Function-Error-Body: %s\r\n" % body
    connection.sendall(b"0\r\n" + trailers + b"\r\n")
    connection.recv(65536)
    connection.close()

def whole(request_id, kind, value):
    connection = http.client.HTTPConnection(API)
    connection.request("POST", "/2018-06-01/runtime/invocation/%s/%s" % (request_id, kind), json.dumps(value))
    connection.getresponse().read()
    connection.close()

while True:
    request_id, event = take()
    if "rawPath" in event:
        event = json.loads(event["body"])
    print("STREAMER", request_id, flush=True)
    try:
        if event.get("mode") == "whole":
            whole(request_id, "response", {"finished": finished, "process": PROCESS})
        elif event.get("mode") == "error":
            whole(request_id, "error", {"errorType": "Mine", "errorMessage": "at once"})
        else:
            stream(request_id, event)
            finished += 1
    except OSError as error:
        print("BROKEN", type(error).__name__, flush=True)
"""
