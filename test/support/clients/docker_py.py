"""Plays one scene with docker-py: docker_py.py HOST PREFIX LABEL SCENE

Every name made up in the engine begins with PREFIX, and all that is made carries LABEL (`key=value`). Prints what the
scene has seen, as JSON.
"""

import base64
import hashlib
import io
import json
import os
import re
import socket
import sys
import tarfile
import time

import docker
import websocket
from docker.utils.socket import frames_iter

HOST, PREFIX, LABEL, SCENE = sys.argv[1:]
KEY, VALUE = LABEL.split("=")

client = docker.DockerClient(base_url=HOST, timeout=50)
alone = {"network_mode": "none", "labels": {KEY: VALUE}}


def named(what):
    return f"{PREFIX}-{what}"


def box(what, command="sleep 1000000", **more):
    return client.containers.run("busybox", command, name=named(what), detach=True, **alone, **more)


def lingering(script, status=0):
    """A command that stays for a moment: engine 26.1 itself loses the output of some containers that end at once."""
    return ["sh", "-c", f"{script}; sleep 0.3; exit {status}"]


def fingerprint(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def refusal(error):
    return {"status": error.response.status_code, "why": error.explanation}


def websocket_on_unix(url):
    """docker-py 5 hands the URL of its own making to a library that only knows TCP, unless it is given a socket."""
    below = socket.socket(socket.AF_UNIX)
    below.connect(HOST.removeprefix("unix://"))
    return websocket.create_connection(url.replace("http+docker://", "ws://"), socket=below)


def raw_socket(found):
    """docker-py hands out the socket below a file on unix hosts, a file around it on TCP hosts."""
    return getattr(found, "_sock", found)


def collected(found):
    """Both outputs that come out of a socket, to their end."""
    outputs = {1: b"", 2: b""}
    for stream, data in frames_iter(found, tty=False):
        outputs[stream] += data
    return {"stdout": outputs[1].decode(), "stderr": outputs[2].decode()}


def run():
    seen = {"output": client.containers.run("busybox", lingering("echo hi"), remove=True, **alone).decode()}
    try:
        client.containers.run("busybox", lingering("echo badly >&2", 3), remove=True, **alone)
    except docker.errors.ContainerError as error:
        seen["failed"] = {"exit": error.exit_status, "stderr": error.stderr.decode()}
    try:
        client.containers.get(named("nobody"))
    except docker.errors.NotFound as error:
        seen["missing"] = refusal(error)
    return seen


class HeadReader:
    """Calls back when docker-py has read the head of an answer to the start of an exec.

    docker-py 5 goes on below the reader that has read the head. What came along with the head stays in that reader, with
    any engine, so a command that is to be heard says nothing before it is told that the head is over.
    """

    def __init__(self):
        self.told = lambda: None
        client.api.hooks["response"].append(self.look)

    def look(self, response, **_):
        if re.search(r"/exec/[0-9a-f]+/start$", response.request.path_url):
            told, self.told = self.told, lambda: None
            told()


UNTIL_TOLD = "until [ -e /told ]; do sleep 0.05; done; rm /told; "


def exec_run():
    container = box("exec")
    head = HeadReader()
    helper = docker.DockerClient(base_url=HOST, timeout=50).containers.get(container.id)

    def heard(script, **more):
        head.told = lambda: helper.exec_run(["touch", "/told"], detach=True)
        return container.exec_run(["sh", "-c", UNTIL_TOLD + script], **more)

    code, output = heard("echo out; exit 4")
    _, (out, err) = heard("echo out; echo err >&2", demux=True)
    _, parts = heard("seq 1 50000", stream=True)
    streamed = fingerprint(b"".join(parts))
    try:
        client.api.exec_start("0" * 64)
    except docker.errors.NotFound as error:
        missing = refusal(error)
    return {
        "exit": code,
        "output": output.decode(),
        "apart": [out.decode(), err.decode()],
        "streamed": streamed,
        "missing": missing,
    }


def exec_socket():
    container = box("talk")
    made = client.api.exec_create(container.id, ["sh", "-c", "sort; echo over >&2; exit 8"], stdin=True)
    found = client.api.exec_start(made["Id"], socket=True)
    raw_socket(found).sendall(b"b\na\n")
    raw_socket(found).shutdown(socket.SHUT_WR)
    return {**collected(found), "exit": client.api.exec_inspect(made["Id"])["ExitCode"]}


def exec_detached():
    container = box("detached")
    container.exec_run(["mkfifo", "/pipe"])
    container.exec_run(["sh", "-c", UNTIL_TOLD + "echo on my own > /pipe"], detach=True)
    head = HeadReader()
    helper = docker.DockerClient(base_url=HOST, timeout=50).containers.get(container.id)
    head.told = lambda: helper.exec_run(["touch", "/told"], detach=True)
    return container.exec_run(["cat", "/pipe"]).output.decode()


def attach_socket():
    script = lingering("cat; echo over >&2", 7)
    made = client.api.create_container(
        "busybox",
        script,
        name=named("attach"),
        stdin_open=True,
        labels=alone["labels"],
        host_config=client.api.create_host_config(network_mode="none"),
    )
    found = client.api.attach_socket(made["Id"], {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    client.api.start(made["Id"])
    raw_socket(found).sendall(b"hello\n")
    raw_socket(found).shutdown(socket.SHUT_WR)
    seen = collected(found)
    return {**seen, "exit": client.api.wait(made["Id"])["StatusCode"]}


def attach_websocket():
    if HOST.startswith("unix://"):
        client.api._create_websocket_connection = websocket_on_unix
    container = box("websocket", lingering("read line; echo you said $line"), stdin_open=True)
    found = client.api.attach_socket(container.id, {"stdin": 1, "stdout": 1, "stream": 1}, ws=True)
    found.send(b"hello\n")
    heard = b""
    while b"\n" not in heard:
        more = found.recv()
        heard += more if isinstance(more, bytes) else more.encode()
    found.close()
    return {"heard": heard.decode(), "exit": container.wait()["StatusCode"]}


def logs():
    container = box("logs", lingering("echo one; until [ -e /told ]; do sleep 0.05; done; echo two"))
    stream = container.logs(stream=True, follow=True)
    lines = [next(stream).decode()]
    container.exec_run(["touch", "/told"])
    lines += [line.decode() for line in stream]
    return {"lines": "".join(lines), "all": container.logs().decode(), "tail": container.logs(tail=1).decode()}


def events():
    # The engine sends its head a moment before it listens, and then looks up what it has missed among its last 256 events.
    stream = client.events(since=int(time.time()) - 60, filters={"volume": named("live")}, decode=True)
    volume = client.volumes.create(named("live"), labels=alone["labels"])
    seen = [next(stream)["Action"]]
    volume.remove()
    seen.append(next(stream)["Action"])
    stream.close()
    return seen


def archives():
    container = box("archive")
    blob = os.urandom(10_000_000)
    container.put_archive("/tmp", archive_of({"blob": blob}))
    parts, stat = container.get_archive("/tmp/blob")
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as archive:
        back = archive.extractfile("blob").read()
    try:
        container.put_archive("/no/such/place", archive_of({"blob": blob}))
    except docker.errors.NotFound as error:
        missing = error.response.status_code
    return {"same": back == blob, "name": stat["name"], "size": stat["size"], "missing": missing}


def build():
    def built(dockerfile):
        context = archive_of({"Dockerfile": dockerfile.encode(), "blob": b"x" * 3_000_000})
        return client.images.build(
            fileobj=context,
            custom_context=True,
            tag=named("built"),
            nocache=True,
            forcerm=True,
            network_mode="none",
            labels=alone["labels"],
        )

    image, lines = built("FROM busybox\nCOPY blob /\nRUN wc -c /blob; sleep 0.3\n")
    said = "".join(line.get("stream", "") for line in lines)
    try:
        built("FROM busybox\nRUN exit 23\n")
    except docker.errors.BuildError as error:
        failed = error.msg
    return {"tags": image.tags, "counted": "3000000 /blob" in said, "failed": failed}


def pull():
    try:
        client.api.pull("127.0.0.1:9/nothing", tag="here")
    except docker.errors.APIError as error:
        return refusal(error)


def stats():
    container = box("stats")
    # runc's own process, of several threads, may stand in the command's place for a while.
    container.exec_run(["sh", "-c", "until grep -q ^sleep /proc/1/cmdline; do sleep 0.05; done"])
    stream = container.stats(stream=True, decode=True)
    frames = [next(stream)["name"], next(stream)["name"]]
    stream.close()
    return {"frames": frames, "one": container.stats(stream=False)["pids_stats"]["current"]}


def wait():
    container = box("wait", ["sh", "-c", "until [ -e /told ]; do sleep 0.05; done; exit 42"])
    container.exec_run(["touch", "/told"])
    return container.wait()["StatusCode"]


def archive_of(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    packed.seek(0)
    return packed


SCENES = [
    run,
    exec_run,
    exec_socket,
    exec_detached,
    attach_socket,
    attach_websocket,
    logs,
    events,
    archives,
    build,
    pull,
    stats,
    wait,
]

print(json.dumps(next(scene for scene in SCENES if scene.__name__ == SCENE)()))
