"""Adapters that speak HTTP badly or not at all, on bare sockets. The path of the URL names what they do.

Each gets the connection and the call that was read from it, and sends what its name says. The connection is closed
afterwards, unless it is reset or held open.
"""
import socket
import struct
import time

from listening import serve

UNCHANGED = b'{"PowerstripProtocolVersion":1,"ModifiedClientRequest":{}}'
CHANGED = b'{"PowerstripProtocolVersion":1,"ModifiedClientRequest":{"Body":"{\\"Image\\":\\"y\\"}"}}'
OK = b"HTTP/1.1 200 OK\r\n"


def with_length(body, length=None, head=OK):
    return head + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def chunks(body, size):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def reset(connection):
    # A linger time of zero makes the close of a TCP connection a reset; on a unix socket, a byte left unread does.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hold(connection):
    """Waits until the other side leaves."""
    while connection.recv(65536):
        pass


def drip(connection, text):
    """A byte every tenth of a second: every single one comes in time."""
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)
    hold(connection)


def flood(connection, piece, times):
    for _ in range(times):
        connection.sendall(piece)


# T1: unusual, and right.

def chunked(connection):
    connection.sendall(CHUNKED + chunks(CHANGED, 7) + b"0\r\n\r\n")


def chunked_with_trailers(connection):
    connection.sendall(CHUNKED + b"7;name=value\r\n" + CHANGED[:7] + b"\r\n" + chunks(CHANGED[7:], 1000))
    connection.sendall(b"0\r\nX-Sum: 1\r\n\r\n")


def close_delimited(connection):
    connection.sendall(OK + b"\r\n" + CHANGED)


def close_delimited_by_http_10(connection):
    connection.sendall(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + CHANGED)


def byte_by_byte(connection):
    for byte in with_length(CHANGED):
        connection.sendall(bytes([byte]))


def early_hints(connection):
    connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + with_length(CHANGED))


# T18: a reply that means nothing.

def half_of_the_json(connection):
    connection.sendall(with_length(CHANGED[:40]))


def less_than_its_length(connection):
    connection.sendall(with_length(CHANGED, len(CHANGED) + 1))


def whole_json_but_less_than_its_length(connection):
    connection.sendall(with_length(UNCHANGED, len(UNCHANGED) + 10))


def chunks_without_an_end(connection):
    connection.sendall(CHUNKED + chunks(CHANGED, 1000))


def no_chunk_at_all(connection):
    connection.sendall(CHUNKED)


def nothing_of_its_length(connection):
    connection.sendall(with_length(b"", 100))


def reset_after_the_head(connection):
    # The pause lets the head arrive before the reset.
    connection.sendall(OK + b"\r\n")
    time.sleep(0.2)
    reset(connection)


def reset_after_half_of_the_json(connection):
    connection.sendall(OK + b"\r\n" + CHANGED[:40])
    time.sleep(0.2)
    reset(connection)


def denial_less_than_its_length(connection):
    connection.sendall(with_length(b"no", 100, b"HTTP/1.1 403 Forbidden\r\n"))


def latin_1(connection):
    connection.sendall(with_length(b'{"PowerstripProtocolVersion":1,"By":"Andr\xe9"}'))


def latin_1_denial(connection):
    connection.sendall(with_length(b"pas permis, Andr\xe9", None, b"HTTP/1.1 403 Forbidden\r\n"))


def compressed(connection):
    import gzip

    connection.sendall(with_length(gzip.compress(CHANGED), None, OK + b"Content-Encoding: gzip\r\n"))


def byte_order_mark(connection):
    connection.sendall(with_length(b"\xef\xbb\xbf" + CHANGED))


def not_http(connection):
    connection.sendall(b"hello\n" + CHANGED)


def http_2(connection):
    connection.sendall(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18))


def two_lengths(connection):
    connection.sendall(with_length(CHANGED, None, OK + b"Content-Length: 3\r\n"))


def length_and_chunks(connection):
    connection.sendall(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(CHANGED, 9) + b"0\r\n\r\n")


def switches_protocols(connection):
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n")
    hold(connection)


def continues(connection):
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(CHANGED))


def status_999(connection):
    connection.sendall(with_length(CHANGED, None, b"HTTP/1.1 999 What\r\n"))


def just_over_32_mib(connection):
    connection.sendall(with_length(UNCHANGED.ljust(32 * 1024 * 1024 + 1)))


def just_32_mib(connection):
    connection.sendall(with_length(UNCHANGED.ljust(32 * 1024 * 1024)))


def two_million_chunks(connection):
    connection.sendall(CHUNKED)
    flood(connection, b"1\r\n \r\n" * 1000, 2000)
    connection.sendall(chunks(UNCHANGED, 1000) + b"0\r\n\r\n")


def a_gigabyte(connection):
    connection.sendall(with_length(b"", 1 << 30))
    flood(connection, b" " * (1 << 20), 1 << 10)


def a_gigabyte_of_chunks(connection):
    connection.sendall(CHUNKED)
    flood(connection, b"100000\r\n" + b" " * (1 << 20) + b"\r\n", 1 << 10)


def a_gigabyte_until_closed(connection):
    connection.sendall(OK + b"\r\n")
    flood(connection, b"[" * (1 << 20), 1 << 10)


def a_gigabyte_of_denial(connection):
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    flood(connection, b"no" * (1 << 19), 1 << 10)


def endless_head(connection):
    connection.sendall(OK)
    flood(connection, b"X-More: %s\r\n" % (b"x" * 1000), 1 << 20)


def endless_field(connection):
    connection.sendall(OK + b"X-More: ")
    flood(connection, b"x" * (1 << 16), 1 << 14)


# T17: a redirect, to a place that would say yes.

def redirects(connection):
    connection.sendall(with_length(b"", None, b"HTTP/1.1 302 Found\r\nLocation: /chunked\r\n"))


def redirects_the_call(connection):
    connection.sendall(with_length(b"", None, b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /chunked\r\n"))


# Keys that mean something to JavaScript.

def prototype_of_the_body(connection):
    body = b'{\\"Image\\":\\"y\\",\\"__proto__\\":{\\"HostConfig\\":{\\"Privileged\\":true}}}'
    connection.sendall(with_length(b'{"ModifiedClientRequest":{"Body":"' + body + b'"}}'))


def prototype_of_the_reply(connection):
    connection.sendall(with_length(b'{"__proto__":' + CHANGED + b',"constructor":{"prototype":' + CHANGED + b"}}"))


def says_two_things(connection):
    connection.sendall(with_length(b'{"ModifiedClientRequest":null,"ModifiedServerResponse":null,"modifiedclientrequest":' + CHANGED + b',"modifiedserverresponse":' + CHANGED + b"}"))


def deep(connection):
    nested = b"[" * 100000 + b"]" * 100000
    connection.sendall(with_length(b'{"ModifiedClientRequest":' + nested + b',"ModifiedServerResponse":' + nested + b"}"))


# T19: no reply.

def closes(_connection):
    pass


def resets(connection):
    reset(connection)


def closes_within_the_head(connection):
    connection.sendall(OK + b"Content-Le")


# T20: no reply in time.

def never_answers(connection):
    hold(connection)


def drips_its_head(connection):
    drip(connection, OK + b"X-Slow: " + b"x" * 10000)


def drips_its_body(connection):
    connection.sendall(with_length(b"", 10000))
    drip(connection, b" " * 10000)


def drips_its_body_until_closed(connection):
    connection.sendall(OK + b"\r\n")
    drip(connection, b" " * 10000)


def stops_within_its_body(connection):
    connection.sendall(with_length(CHANGED, len(CHANGED) + 1))
    hold(connection)


def drips_early_hints(connection):
    drip(connection, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)


# T21: a crash after the reply.

def resets_after_its_reply(connection):
    connection.sendall(with_length(CHANGED))
    time.sleep(0.2)
    reset(connection)


def resets_after_a_reply_without_length(connection):
    connection.sendall(OK + b"\r\n" + CHANGED)
    time.sleep(0.2)
    reset(connection)


def says_more_than_its_length(connection):
    connection.sendall(with_length(CHANGED) + b"\r\n\r\ntraceback")


UNREAD = {
    # These answer before they have read the body of the call, and close.
    "/denies_unread": with_length(b"too long", None, b"HTTP/1.1 403 Forbidden\r\n"),
    "/answers_unread": with_length(CHANGED),
}


def receive(connection, length):
    received = b""
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise ConnectionError
        received += piece
    return received


def answer(connection):
    with connection:
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += receive(connection, 1)
            path = head.split(b" ")[1].decode()
            if path in UNREAD:
                connection.sendall(UNREAD[path])
                return
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            receive(connection, length - 1 if path.startswith("/reset") else length)
            globals()[path[1:]](connection)
        except OSError:
            # The other side has hung up, as it should.
            pass


serve(answer)
