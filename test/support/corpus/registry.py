"""A registry that has every image, each made of one small layer, and takes every push. GET /pushed lists the pushes.

It has a Dockerfile too, for builds from an address.
"""
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        # No two registries have the same image.
        entry = tarfile.TarInfo("from-" + os.urandom(8).hex())
        archive.addfile(entry, io.BytesIO())
    return out.getvalue()


TAR = layer()
LAYER = gzip.compress(TAR, mtime=0)
CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/none"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(TAR)]},
    }
).encode()
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(CONFIG),
            "digest": digest(CONFIG),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(LAYER),
                "digest": digest(LAYER),
            }
        ],
    }
).encode()
BLOBS = {digest(CONFIG): CONFIG, digest(LAYER): LAYER}
pushed = []
uploads = {}


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def take(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        if self.path == "/pushed":
            return self.say(200, json.dumps(pushed).encode())
        if self.path == "/Dockerfile":
            return self.say(200, b"FROM busybox\nENV a=b\n", Content_Type="text/plain")
        if self.path == "/v2/":
            return self.say(200, b"{}")
        if re.search("/manifests/", self.path):
            return self.say(200, MANIFEST, Content_Type=MANIFEST_TYPE, Docker_Content_Digest=digest(MANIFEST))
        blob = BLOBS.get(self.path.rsplit("/", 1)[-1])
        return self.say(404) if blob is None else self.say(200, blob)

    do_HEAD = do_GET

    def upload(self, status):
        data = uploads.setdefault(self.path.split("?")[0].rsplit("/", 1)[-1], bytearray())
        data.extend(self.take())
        self.say(status, Location=self.path.split("?")[0], Docker_Upload_UUID="1", Range=f"0-{len(data) - 1}")

    def do_POST(self):
        self.take()
        self.say(202, Location=self.path.split("?")[0] + os.urandom(8).hex(), Docker_Upload_UUID="1")

    def do_PATCH(self):
        self.upload(202)

    def do_PUT(self):
        body = self.take()
        name = re.search("/v2/(.*)/manifests/", self.path)
        if name:
            pushed.append(name[1])
            return self.say(201, Docker_Content_Digest=digest(body))
        data = bytes(uploads.pop(self.path.split("?")[0].rsplit("/", 1)[-1], b"")) + body
        BLOBS[digest(data)] = data
        self.say(201, Docker_Content_Digest=digest(data))


server = ThreadingHTTPServer(("0.0.0.0", 0), Registry)
print(server.server_address[1], flush=True)
server.serve_forever()
