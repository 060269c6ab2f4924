"""Both servers of this folder listen alike: on a free port of 127.0.0.1 and on the unix socket named by the test.

They print the port once both are open, and end when their standard input does, so that none outlives its test.
"""
import os
import socket
import sys
import threading


def serve(answer):
    """Calls answer(connection) in a thread of its own for every connection."""
    unix_path = sys.argv[1]
    tcp = socket.create_server(("127.0.0.1", 0), backlog=128)
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(unix_path)
    unix.listen(128)
    for listener in (tcp, unix):
        threading.Thread(target=accept, args=(listener, answer), daemon=True).start()
    print(tcp.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


def accept(listener, answer):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()
