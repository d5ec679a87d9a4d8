"""What everything is measured with and on: the tool, the server, the yardsticks' packages, the machine."""
import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).resolve().parent.parent
ROOT = BENCHES.parent
YARDSTICKS = BENCHES / "yardsticks"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtk-export"


def check_commands(quick):
    """Ends here rather than after many minutes."""
    limit = "wrk" if quick and not shutil.which("oha") else "oha"
    for command in ["nginx", limit, "zstdcat", "taskset"]:
        if not shutil.which(command):
            sys.exit(f"{command} is needed: see benches/peers --help")


def build(quick):
    """The tool, and the bare loop over its client; a quick look is content with the dev profile.

    One call of cargo, so that both are on the same build of everything else."""
    profile = [] if quick else ["--release"]
    wanted = ["--bin", "rtk-export", "--bench", "bare_loop"]
    messages = subprocess.run(["cargo", "build", *profile, *wanted, "--message-format=json"], cwd=ROOT, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
    made = {message["target"]["name"]: Path(message["executable"]) for message in
            map(json.loads, messages.splitlines()) if message.get("executable")}
    return made["rtk-export"], made["bare_loop"]


def environment():
    """The Python of the yardsticks, made once for each set of packages."""
    requirements = (YARDSTICKS / "requirements.txt").read_text()
    venv = CACHE / "benches-venv"
    python, ready = venv / "bin" / "python", venv / "ready"
    if not ready.exists() or ready.read_text() != requirements:
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r",
                        YARDSTICKS / "requirements.txt"], check=True)
        ready.write_text(requirements)
    return python


@contextlib.contextmanager
def server(work):
    """Runs nginx on ports that nobody has; the base URLs that answer at once and after 50 ms."""
    directory, text, bases = work / "nginx", (YARDSTICKS / "nginx.conf").read_text(), []
    directory.mkdir()
    for port in ["18080", "18081"]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            bases.append(f"127.0.0.1:{free.getsockname()[1]}")
        text = text.replace(f"127.0.0.1:{port}", bases[-1])
    (directory / "nginx.conf").write_text(text)
    command = ["nginx", "-c", directory / "nginx.conf", "-p", directory]
    subprocess.run(command, check=True)
    try:
        yield [f"http://{base}/client/v4" for base in bases]
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, stderr=subprocess.DEVNULL)


def first_line(*command):
    """What a program says first, which is its version; some say it on stderr."""
    if not shutil.which(command[0]):
        return f"no {command[0]}"
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return (ran.stdout or ran.stderr).split("\n")[0]


def commit():
    return first_line("git", "rev-parse", "--short", "HEAD")


def machine():
    """What the figures were taken on and with."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    packages = ", ".join((YARDSTICKS / "requirements.txt").read_text().split()).replace("==", " ")
    return (f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.release()}; "
            f"{first_line('rustc', '--version')}; {first_line('oha', '--version')}; {first_line('nginx', '-v')}; "
            f"Python {platform.python_version()}, {packages}")
