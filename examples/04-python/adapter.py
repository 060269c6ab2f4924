"""Gives every new container the variable REGION. Python's standard library is all it needs."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(call):
    request = call["ClientRequest"]
    if request["Body"] is not None:
        # The body is JSON text within the JSON of the call.
        body = json.loads(request["Body"])
        body["Env"] = (body.get("Env") or []) + ["REGION=eu-west"]
        request["Body"] = json.dumps(body)
    return {"PowerstripProtocolVersion": 1, "ModifiedClientRequest": request}


class Adapter(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        reply = json.dumps(answer(json.loads(self.rfile.read(length)))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Adapter).serve_forever()
