// One keep-alive HTTP/1.1 connection, one request at a time: as much HTTP as the Runtime API speaks.
//
// Over `net` itself a call takes two thirds of its time over `http`, and a cold start saves loading that.
"use strict";

const net = require("node:net");

const HEAD_END = Buffer.from("\r\n\r\n");

class Connection {
  #host;
  #port;
  #socket = null;
  #incoming = null;
  #waiting = null;

  /** Leads to *address*, "host:port"; connects when first used, and again when it was cut. */
  constructor(address) {
    const at = address.lastIndexOf(":");
    this.#host = address.slice(0, at);
    this.#port = Number(address.slice(at + 1));
  }

  /** The answer to one request, {status, headers, body}. Until it is there the process stays alive. */
  exchange(method, path, headers, body = "") {
    return new Promise((resolve, reject) => {
      this.#expect(resolve, reject);
      const lengths = method === "POST" ? { "Content-Length": Buffer.byteLength(body) } : {};
      this.#socket.write(this.#head(method, path, { ...headers, ...lengths }) + body);
    });
  }

  /** Begin a POST whose body comes in pieces, and *onAnswer*, *onError*: whichever it leads to. */
  openUpload(path, headers, onAnswer, onError) {
    this.#expect(onAnswer, onError);
    const socket = this.#socket;
    socket.write(this.#head("POST", path, { ...headers, "Transfer-Encoding": "chunked" }));
    return new Upload(socket, () => this.#lose(socket, new Error("The request was given up.")));
  }

  #head(method, path, headers) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}:${this.#port}\r\n${lines.join("")}\r\n`;
  }

  #expect(resolve, reject) {
    if (this.#socket === null) {
      this.#connect();
    }
    this.#incoming = new Incoming();
    this.#waiting = { resolve, reject };
    this.#socket.ref();
  }

  #connect() {
    const socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on("data", (data) => this.#take(data));
    socket.on("error", (error) => this.#lose(socket, error));
    socket.on("close", () => this.#lose(socket, new Error("The Runtime API closed the connection.")));
    this.#socket = socket;
  }

  #take(data) {
    if (this.#waiting === null) {
      this.#socket.destroy();
      return;
    }
    let answer;
    try {
      answer = this.#incoming.add(data);
    } catch (error) {
      this.#socket.destroy(error);
      return;
    }
    if (answer !== null) {
      const { resolve } = this.#waiting;
      this.#waiting = null;
      // What else keeps the process alive is the function's; that decides whether its event loop is empty.
      this.#socket.unref();
      resolve(answer);
    }
  }

  #lose(socket, error) {
    if (this.#socket !== socket) {
      return;
    }
    this.#socket = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}

/** The body of a request, piece by piece, in HTTP's chunked encoding. */
class Upload {
  #socket;
  #onAbort;

  constructor(socket, onAbort) {
    this.#socket = socket;
    this.#onAbort = onAbort;
  }

  /** Send *data*; *taken* is called when the other side has room for more. */
  write(data, taken) {
    // An empty chunk would be the end.
    if (data.length === 0) {
      taken();
      return;
    }
    this.#socket.cork();
    this.#socket.write(`${data.length.toString(16)}\r\n`);
    this.#socket.write(data);
    this.#socket.write("\r\n", taken);
    this.#socket.uncork();
  }

  /** Send the end, and *trailers* after it. */
  end(trailers, taken) {
    const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`0\r\n${lines.join("")}\r\n`, taken);
  }

  /** Cut the connection: the other side sees that the body is not whole. */
  abort() {
    this.#onAbort();
    this.#socket.destroy();
  }
}

/** One answer, as it comes in. */
class Incoming {
  #pieces = [];
  #bytes = 0;
  #head = null;
  #bodyAt = 0;
  #end = 0;

  /** Take *data*; the answer once it is whole, null before. */
  add(data) {
    this.#pieces.push(data);
    this.#bytes += data.length;
    if (this.#head === null && !this.#readHead()) {
      return null;
    }
    if (this.#bytes < this.#end) {
      return null;
    }
    return { ...this.#head, body: this.#joined().subarray(this.#bodyAt, this.#end) };
  }

  #readHead() {
    const data = this.#joined();
    const at = data.indexOf(HEAD_END);
    if (at < 0) {
      return false;
    }
    const [first, ...lines] = data.latin1Slice(0, at).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    if (headers["content-length"] === undefined) {
      throw new Error("The Runtime API answered without a Content-Length.");
    }
    this.#head = { status: Number(first.split(" ", 2)[1]), headers };
    this.#bodyAt = at + HEAD_END.length;
    this.#end = this.#bodyAt + Number(headers["content-length"]);
    return true;
  }

  #joined() {
    if (this.#pieces.length > 1) {
      this.#pieces = [Buffer.concat(this.#pieces, this.#bytes)];
    }
    return this.#pieces[0];
  }
}

module.exports = { Connection };
