"""A plugin that fills secrets in, as an engine finds one: on a socket among its plugins. Ends with the engine.

Arguments: the engine's folder, the name of the plugin. Comes back when it listens.
"""
import base64
import json
import os
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import UnixStreamServer

ANSWERS = {
    "/Plugin.Activate": {"Implements": ["secretprovider"]},
    "/SecretProvider.GetSecret": {"Value": base64.b64encode(b"FROM-A-DRIVER").decode()},
}


class Plugin(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = json.dumps(ANSWERS[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def address_string(self):
        return "engine"

    def log_message(self, *_):
        pass


folder, name = sys.argv[1:]
with open(f"{folder}/pid") as pid:
    # The engine has a folder of plugins of its own, which this process sees by way of it.
    plugins = f"/proc/{pid.read().strip()}/root/run/docker/plugins"
os.makedirs(plugins, exist_ok=True)
server = UnixStreamServer(f"{plugins}/{name}.sock", Plugin)
if os.fork() == 0:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    server.timeout = 1
    # The folder is there for as long as the engine lives.
    while os.path.exists(plugins):
        server.handle_request()
