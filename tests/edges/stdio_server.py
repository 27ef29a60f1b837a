"""A tiny MCP server over stdio, of either era, whose tools misbehave on demand; stdlib alone.

python stdio_server.py modern|legacy|mute|brittle: `mute` is a legacy one that leaves what it does
not know unanswered, `brittle` one that ends at a first message that is not initialize.
"""

import json
import os
import signal
import subprocess
import sys
import time

META = "io.modelcontextprotocol/"
MODERN, LEGACY = "2026-07-28", "2025-11-25"


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value):
    return {"content": [{"type": "text", "text": json.dumps(value)}]}


def surroundings():
    folder = "/proc/self/fd"
    fds = [int(name) for name in os.listdir(folder) if os.path.exists(f"{folder}/{name}")]
    return {
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "mode": oct(os.stat(".").st_mode & 0o777),
        "holds": os.listdir("."),
        "fds": sorted(fds),
        "leads": os.getsid(0) == os.getpid() == os.getpgid(0),
        "argv": sys.argv[1:],
        "executable": sys.executable,
        "pid": os.getpid(),
    }


def call(name, arguments, request_id):
    if name == "where":
        return text(surroundings())
    if name == "exit":
        sys.stderr.write(arguments.get("says", ""))
        sys.stderr.flush()
        os._exit(arguments["code"])
    if name == "shout":
        for _ in range(arguments["lines"]):
            sys.stderr.write("x" * 999 + "\n")
    if name == "litter":
        for number in range(arguments["lines"]):
            print(f"log line {number}", flush=True)
    if name == "huge":
        sys.stdout.write("y" * arguments["bytes"] + "\n")
    if name == "spawn":
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        return text(subprocess.Popen(command, start_new_session=False).pid)
    if name == "sleep":
        time.sleep(arguments["s"])
    if name == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if name == "close":
        os.close(1)
    if name == "progress":
        token = arguments["token"]
        say({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
        params = {"level": "info", "data": "working"}
        say({"method": "notifications/message", "params": params})
        say({"method": "notifications/tools/list_changed"})
        say({"id": "ask-1", "method": "ping"})
        return text(json.loads(sys.stdin.readline()))
    if name == "error":
        say({"id": request_id, "error": {"code": -32000, "message": "it broke", "data": 7}})
        return None
    if name == "strange":
        say({"id": 999_999, "result": {}})
        say({"id": str(request_id), "result": {}})
        say({"result": {}})
    return text(arguments)


def answer(era, message):
    method, request_id = message.get("method"), message.get("id")
    params = message.get("params", {})
    if method == "notifications/cancelled":
        with open("cancelled", "a", encoding="utf-8") as file:
            file.write(f"{params['requestId']}\n")
    if request_id is None:
        return
    if era == "modern":
        assert params["_meta"][META + "protocolVersion"] == MODERN
    if method == "tools/call":
        meta = params["name"] == "meta"
        result = (
            text(params["_meta"]) if meta else call(params["name"], params["arguments"], request_id)
        )
    elif method == "server/discover" and era == "modern":
        result = {"supportedVersions": [MODERN], "capabilities": {}}
    elif method == "initialize" and era != "modern":
        result = {"protocolVersion": LEGACY, "capabilities": {}, "serverInfo": {}}
    elif method == "tools/list":
        result = {"tools": [{"name": "where", "inputSchema": {"type": "object"}}]}
    else:
        if era != "mute":
            say({"id": request_id, "error": {"code": -32601, "message": "unknown"}})
        return
    if result is not None:
        say({"id": request_id, "result": result})


def main():
    era = sys.argv[1]
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as what it starts does too
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    is_first = True
    for line in iter(sys.stdin.readline, ""):
        message = json.loads(line)
        if era == "brittle" and is_first and message["method"] != "initialize":
            sys.exit("expected initialize")
        is_first = False
        answer(era, message)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        time.sleep(600)


main()
