"""gRPC on both sides, by grpcio: `serve` is a service, `call` calls it through an edge and says what came back.

No .proto: messages are bytes as they are. `serve` takes a certificate and its key, or nothing for HTTP/2 without TLS;
it prints its port, and then what it saw of each call, one JSON object a line.
"""

import json
import sys
import threading
from concurrent import futures

import grpc

NAME = "sundown.test.Echo"


def say(**seen):
    print(json.dumps(seen), flush=True)


def metadata_of(context):
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def unary(request, context):
    seen = metadata_of(context)
    say(method="unary", tls=seen.get("sundown-tls-version"), agent=seen.get("user-agent", "").split("/")[0])
    context.set_trailing_metadata((("answered", "yes"), ("sundown-like", "no")))
    return b"echo " + request


def fails(request, context):
    context.set_trailing_metadata((("detail", "kept"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100% no")


def streams(request, context):
    for number in range(int(request)):
        yield b"part %d" % number


def gathers(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def talks(requests, context):
    for request in requests:
        yield b"echo " + request


def hangs(request, context):
    gone = threading.Event()
    context.add_callback(gone.set)
    yield b"begun"
    say(method="hangs", cancelled=gone.wait(30))


def serve(certificate=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fails": grpc.unary_unary_rpc_method_handler(fails),
        "Streams": grpc.unary_stream_rpc_method_handler(streams),
        "Gathers": grpc.stream_unary_rpc_method_handler(gathers),
        "Talks": grpc.stream_stream_rpc_method_handler(talks),
        "Hangs": grpc.unary_stream_rpc_method_handler(hangs),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    if certificate:
        with open(key, "rb") as key, open(certificate, "rb") as certificate:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


def call(target, authority):
    with open(authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    channel = grpc.secure_channel(target, credentials)
    path = f"/{NAME}/"
    said = {}

    answer, finished = channel.unary_unary(path + "Unary").with_call(b"hello", timeout=20)
    said["unary"] = answer.decode()
    said["trailing"] = dict(finished.trailing_metadata())

    great = b"x" * 3_000_000
    said["great"] = len(channel.unary_unary(path + "Unary")(great, timeout=20))

    try:
        channel.unary_unary(path + "Fails")(b"", timeout=20)
    except grpc.RpcError as error:
        said["fails"] = [error.code().name, error.details(), dict(error.trailing_metadata()).get("detail")]

    said["streams"] = [part.decode() for part in channel.unary_stream(path + "Streams")(b"3", timeout=20)]
    said["gathers"] = int(channel.stream_unary(path + "Gathers")(iter([b"ab", b"cde", b""]), timeout=20))

    # Each word is sent when the echo of the one before has come: nothing on the way may wait for more.
    heard = []
    turn = threading.Semaphore(1)

    def words():
        for word in (b"one", b"two", b"three"):
            turn.acquire()
            yield word

    for echo in channel.stream_stream(path + "Talks")(words(), timeout=20):
        heard.append(echo.decode())
        turn.release()
    said["talks"] = heard

    hanging = channel.unary_stream(path + "Hangs")(b"", timeout=20)
    said["begun"] = next(hanging).decode()
    hanging.cancel()

    try:
        for _ in channel.unary_stream(path + "Hangs")(b"", timeout=1):
            pass
    except grpc.RpcError as error:
        said["deadline"] = error.code().name
    channel.close()
    say(**said)


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print("grpcio", grpc.__version__)
    else:
        {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
