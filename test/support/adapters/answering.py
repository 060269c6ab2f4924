"""Adapters on Python's own HTTP server, as most of 2015 were: HTTP/1.0, a new connection for each call.

The path of the URL says how to answer:

/say?status=&type=&body=   with exactly this; without "type" there is no content type
/echo                      with what was shown, as the null adapter of 2015 did; ?add=2 adds to "Number" in the body
/redirect                  with a redirect to /echo

With "http=1.1" in the query the connection is kept open after the reply.
"""
import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from listening import serve


class Adapter(BaseHTTPRequestHandler):
    timeout = 60

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        target = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(target.query, keep_blank_values=True).items()}
        self.protocol_version = "HTTP/" + query.get("http", "1.0")
        self.close_connection = self.protocol_version == "HTTP/1.0" or self.headers["Connection"] == "close"
        if target.path == "/say":
            self.say(int(query["status"]), query.get("type"), query.get("body", ""))
        elif target.path == "/echo":
            self.say(200, "text/html", json.dumps(echo(call, int(query.get("add", 0)))))
        elif target.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/echo")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def say(self, status, content_type, text):
        body = text.encode()
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def echo(call, number):
    reply = {"PowerstripProtocolVersion": 1}
    shown, name = {
        "pre-hook": ("ClientRequest", "ModifiedClientRequest"),
        "post-hook": ("ServerResponse", "ModifiedServerResponse"),
    }[call["Type"]]
    modified = reply[name] = call[shown]
    if number:
        body = json.loads(modified["Body"])
        body["Number"] += number
        modified["Body"] = json.dumps(body)
    return reply


def answer(connection):
    with connection:
        try:
            Adapter(connection, ("", 0), None)
        except OSError:
            # A body after 304 is no part of the reply, so the other side may have left before it.
            pass


serve(answer)
