"""Stand-ins for the adapters of 2015, on Python's own HTTP server as most of them were, each with its habits and faults.

/flocker-adapter   polls the control service CONTROL as node NODE, mounts at /flocker/HOST.default.ID; knows binds of datasets only,
                   gives all of them the last one's rest, and answers with its own path as the request
/weave-adapter     asks the engine on the socket ENGINE for the image; notes each attach in the file ATTACHED
/debug             echoes, indented
/slowreq-adapter   echoes after DELAY seconds, as text/html

Surroundings come as JSON in the first argument. Prints its port; ends when its standard input does.
"""
import http.client
import json
import os
import socket
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AROUND = json.loads(sys.argv[1])


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(AROUND["CONTROL"] + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def engine(path):
    connection = http.client.HTTPConnection("docker")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(AROUND["ENGINE"])
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def flocker(call):
    request = call["ClientRequest"]
    body = json.loads(request["Body"])
    node, binds, rest = AROUND["NODE"], [], None
    for bind in body["HostConfig"]["Binds"] or []:
        path, _, rest = bind.partition(":")
        if path.startswith("/flocker/"):
            binds.append(dataset_here(path[len("/flocker/"):], node))
    body["HostConfig"]["Binds"] = ["/flocker/HOST.default.%s:%s" % (dataset, rest) for dataset in binds]
    return {"ModifiedClientRequest": {"Method": "POST", "Request": "/flocker-adapter", "Body": json.dumps(body)}}


def dataset_here(name, node):
    found = [each for each in control("GET", "/configuration/datasets") if each["metadata"].get("name") == name]
    if not found:
        found = [control("POST", "/configuration/datasets", {"primary": node, "metadata": {"name": name}})]
    elif found[0]["primary"] != node:
        control("POST", "/configuration/datasets/" + found[0]["dataset_id"], {"primary": node})
    dataset = found[0]["dataset_id"]
    while len([each for each in control("GET", "/state/datasets")
               if each["dataset_id"] == dataset and each.get("primary") == node]) != 1:
        time.sleep(0.1)
    return dataset


def weave(call):
    request = call["ClientRequest"]
    if call["Type"] == "pre-hook":
        body = json.loads(request["Body"])
        if cidrs(body.get("Env")):
            image = engine("/images/%s/json" % body["Image"])["Config"]
            entrypoint = body.get("Entrypoint") or image.get("Entrypoint") or []
            command = body.get("Cmd") or image.get("Cmd") or []
            body["Cmd"] = words(entrypoint) + words(command)
            body["Entrypoint"] = ["/home/weavewait/wait-for-weave"]
            host = body["HostConfig"]
            host["VolumesFrom"] = (host.get("VolumesFrom") or []) + ["weavewait:ro"]
        return {"ModifiedClientRequest": dict(request, Body=json.dumps(body))}
    container = request["Request"].split("/containers/")[1].split("/")[0]
    for cidr in cidrs(engine("/containers/%s/json" % container)["Config"]["Env"]):
        with open(AROUND["ATTACHED"], "a") as attached:
            attached.write("%s %s\n" % (cidr, container))
    return {"ModifiedServerResponse": call["ServerResponse"]}


def cidrs(env):
    values = [entry.split("=")[1] for entry in env or [] if entry.startswith("WEAVE_CIDR=")]
    return [cidr.strip() for value in values for cidr in value.split(",") if cidr.strip()]


def words(command):
    return [command] if isinstance(command, str) else command


def echo(call):
    if call["Type"] == "pre-hook":
        return {"ModifiedClientRequest": call["ClientRequest"]}
    return {"ModifiedServerResponse": call["ServerResponse"]}


def slowreq(call):
    time.sleep(AROUND["DELAY"])
    return echo(call)


ADAPTERS = {
    "/flocker-adapter": (flocker, "text/html", None),
    "/weave-adapter": (weave, "application/json", None),
    "/debug": (echo, "application/json", 4),
    "/slowreq-adapter": (slowreq, "text/html", None),
}


class Adapter(BaseHTTPRequestHandler):
    def do_POST(self):
        answer, content_type, indent = ADAPTERS[self.path]
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = json.dumps(dict(answer(call), PowerstripProtocolVersion=1), indent=indent).encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Adapter)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
