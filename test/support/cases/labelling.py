"""An adapter of Python's standard library alone: it gives every created container a label.

Prints its port, and ends when its standard input does.
"""
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Labelling(BaseHTTPRequestHandler):
    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = call["ClientRequest"]
        body = json.loads(request["Body"])
        body["Labels"] = {**(body.get("Labels") or {}), "by": "python"}
        request["Body"] = json.dumps(body)
        reply = json.dumps({"PowerstripProtocolVersion": 1, "ModifiedClientRequest": request}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Labelling)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
