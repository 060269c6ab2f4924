"""An adapter of protocol 1 on Python's own web server, and the same with one fault each. The path of the URL names the fault.

/good labels what is created and refuses what is privileged, as adapters of protocol 1 do.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "adapters"))
from listening import serve  # noqa: E402


class Adapter(BaseHTTPRequestHandler):
    timeout = 60
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        fault = self.path[1:]
        length = int(self.headers["Content-Length"])
        if fault == "small_limit" and length > 100_000:
            self.rfile.read(length)
            return self.say(413, "too large")
        if fault == "one_read":
            data = self.rfile.read1(length)
        else:
            data = self.rfile.read(length)
        try:
            call = json.loads(data.decode("latin-1" if fault == "latin_1" else "utf-8"))
            status, reply = answer(call, fault)
        except Exception as problem:
            return self.say(500, "<html>Traceback (most recent call last): %s</html>" % problem)
        self.say(status, json.dumps(reply, ensure_ascii=fault != "counts_characters"), fault == "counts_characters")

    def say(self, status, text, counts_characters=False):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text) if counts_characters else len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


KNOWN = {"PowerstripProtocolVersion", "Type", "ClientRequest", "ServerResponse"}

shared = {}
busy = threading.Semaphore(10)
arrived = []


def with_all_others():
    """Goes on when nobody has come for a tenth of a second: calls that are made at one time are all there by then."""
    arrived.append(None)
    seen = 0
    while seen < len(arrived):
        seen = len(arrived)
        time.sleep(0.1)


def answer(call, fault):
    if fault == "strict" and not KNOWN.issuperset(call):
        return 400, {"message": "unknown fields"}
    if fault == "one_place":
        shared["call"] = call
        with_all_others()
        call = shared["call"]
    if fault == "ten_at_a_time":
        if not busy.acquire(blocking=False):
            return 503, {"message": "busy"}
        with_all_others()
        busy.release()
    if call["Type"] == "pre-hook":
        return before(call["ClientRequest"], fault)
    if call["Type"] == "post-hook":
        return afterwards(call["ServerResponse"], fault)
    if fault == "dies_of_unknown_type":
        os._exit(1)
    return 400, {"message": "unknown type"}


def before(request, fault):
    if request["Body"] is None and fault != "null_body":
        return 200, {"PowerstripProtocolVersion": 1}
    body = json.loads(request["Body"])
    if (body.get("HostConfig") or {}).get("Privileged"):
        return 403, {"message": "privileged containers are not allowed here"}
    if request["Request"].split("?")[0].endswith("/containers/create"):
        body["Labels"] = {**(body.get("Labels") or {}), "owner": "infra"}
    modified = {"Method": request["Method"], "Request": request["Request"], "Body": json.dumps(body, ensure_ascii=fault != "counts_characters")}
    if fault == "body_as_object":
        modified["Body"] = body
    if fault == "loses_query":
        modified["Request"] = request["Request"].split("?")[0]
    if fault == "own_path":
        modified["Request"] = "/flocker-adapter"
    return 200, {"PowerstripProtocolVersion": 1, "ModifiedClientRequest": modified}


def afterwards(response, fault):
    if fault == "expects_id" and response["Body"]:
        return 200, {"PowerstripProtocolVersion": 1, "Seen": json.loads(response["Body"])["Id"]}
    if fault == "reads_empty_answer":
        json.loads(response["Body"])
    code = str(response["Code"]) if fault == "code_as_text" else response["Code"]
    modified = {"ContentType": response["ContentType"], "Body": response["Body"], "Code": code}
    return 200, {"PowerstripProtocolVersion": 1, "ModifiedServerResponse": modified}


def answer_connection(connection):
    with connection:
        try:
            Adapter(connection, ("", 0), None)
        except OSError:
            # The other side has hung up.
            pass


serve(answer_connection)
