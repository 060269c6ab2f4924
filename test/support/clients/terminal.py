"""Plays a scene at a terminal: terminal.py SCENE COMMAND...

SCENE is JSON, a list of steps:

{"expect": text}            waits until the screen has shown it, behind what was expected before
{"type": text}              types
{"resize": [rows, columns]} changes the window, which the command is told by SIGWINCH

After the last step the command has to end by itself. Prints {"exitCode", "screen"} as JSON.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

PATIENCE_SECONDS = 50

# The CLI tells the first size before it listens to the signal. A change between the two is lost, so it is repeated.
NUDGE_SECONDS = 0.3


class Terminal:
    def __init__(self, command):
        self.keyboard, outlet = pty.openpty()
        self.resize(24, 80)
        self.command = subprocess.Popen(
            command, stdin=outlet, stdout=outlet, stderr=outlet, preexec_fn=lambda: take_over(outlet)
        )
        os.close(outlet)
        self.screen = b""
        self.looked_at = 0
        self.deadline = time.monotonic() + PATIENCE_SECONDS

    def resize(self, rows, columns):
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.keyboard, text.encode())

    def expect(self, text):
        wanted = text.encode()
        while True:
            at = self.screen.find(wanted, self.looked_at)
            if at >= 0:
                self.looked_at = at + len(wanted)
                return
            while not self.wait_for_more(NUDGE_SECONDS):
                self.check_patience()
                self.command.send_signal(signal.SIGWINCH)
            if not self.read_more():
                raise Surprise(f"the command ended without showing {text!r}")

    def read_to_end(self):
        while self.wait_for_more(self.deadline - time.monotonic()) and self.read_more():
            pass
        self.check_patience()

    def wait_for_more(self, seconds):
        return select.select([self.keyboard], [], [], max(0, seconds))[0] != []

    def read_more(self):
        """False: the command has closed the terminal."""
        try:
            more = os.read(self.keyboard, 65536)
        except OSError:  # Linux says EIO when the last process has closed its end.
            more = b""
        self.screen += more
        return more != b""

    def check_patience(self):
        if time.monotonic() > self.deadline:
            raise Surprise(f"not over after {PATIENCE_SECONDS} s")

    def play(self, scene):
        for step in scene:
            ((word, value),) = step.items()
            if word == "expect":
                self.expect(value)
            elif word == "type":
                self.type(value)
            elif word == "resize":
                self.resize(*value)
            else:
                raise Surprise(f"no such step: {word}")
        self.read_to_end()
        return self.command.wait(timeout=PATIENCE_SECONDS)


class Surprise(Exception):
    pass


def take_over(outlet):
    os.setsid()
    fcntl.ioctl(outlet, termios.TIOCSCTTY, 0)


def main():
    terminal = Terminal(sys.argv[2:])
    try:
        exit_code = terminal.play(json.loads(sys.argv[1]))
    except Surprise as surprise:
        terminal.command.kill()
        sys.exit(f"{surprise}; the screen: {terminal.screen.decode(errors='replace')!r}")
    print(json.dumps({"exitCode": exit_code, "screen": terminal.screen.decode(errors="replace")}))


main()
