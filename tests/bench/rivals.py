# SPDX-License-Identifier: MIT
"""dory and its rivals, each a small class of one shape.

A rival starts its server on a free port of 127.0.0.1 over a folder of its own, and tells the command
lines of its client; running and measuring those is done elsewhere. Settings are each program's
defaults. Where one was changed, a comment says why: to make that rival faster, or to let it run
without touching the machine.
"""

import getpass
import os
import pathlib
import re
import subprocess

from processes import BenchError, Server, find_program, first_client_port, free_port, is_listening

BIG = {"put", "get"}
MEDIUM = {"put-16m", "get-16m"}
SMALL = {"small"}
INFO = b'{"cmd":"info","id":1}'


class Rival:
    """What all have in common."""

    name = ""
    programs = ()
    measures = BIG | SMALL
    # False when nothing is left to compare: it measures the wire, not files.
    stores = True
    # Numbers of idle connections worth a look, and what makes the server answer on each of them.
    idle_counts = ()
    hello = b""

    def __init__(self, folder, given_paths):
        """given_paths: programs that are not looked for on PATH."""
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root"
        self.root.mkdir(parents=True)
        self.paths = {name: find_program(given_paths.get(name, name)) for name in self.programs}
        self.server = None
        self.port = 0
        self.prepare()

    def prepare(self):
        """Once, before the first start: keys and the like."""

    def clean_up(self):
        """Once, at the very end; undoes what prepare did outside the rival's folder."""

    def start(self, measure, connections=1):
        self.port = free_port()
        self.server = Server(self.server_argv(measure, connections), self.folder / "server.log")
        self.server.wait_until(self.is_ready)

    def is_ready(self):
        return is_listening(self.port)

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def server_argv(self, measure, connections):
        raise NotImplementedError

    def put_argv(self, source, name):
        raise NotImplementedError

    def get_argv(self, name, target):
        raise NotImplementedError

    def put_folder_argv(self, source, name):
        raise NotImplementedError

    def folder_lands_in(self, source, name):
        """Where the files of put_folder_argv(source, name) are afterwards."""
        inner = self.root / name / source.name
        return inner if inner.is_dir() else self.root / name


class Dory(Rival):
    """doryd with its defaults: data is synced before it says ok, and a put carries its CRC-32."""

    name = "dory"
    programs = ("dory", "doryd")
    measures = BIG | MEDIUM | SMALL
    idle_counts = (1000, 10000)
    hello = len(INFO).to_bytes(4, "little") + INFO

    def server_argv(self, measure, connections):
        return [self.paths["doryd"], "--root", str(self.root), "--listen", "127.0.0.1:0"]

    def is_ready(self):
        said = re.search(r"^listening on 127\.0\.0\.1:(\d+)$", self.server.log_path.read_text(), re.MULTILINE)
        if said:
            self.port = int(said[1])
        return bool(said)

    def target(self, name):
        return f"127.0.0.1:{self.port}/{name}"

    def put_argv(self, source, name):
        return [self.paths["dory"], "put", "-q", str(source), self.target(name)]

    def get_argv(self, name, target):
        return [self.paths["dory"], "get", "-q", self.target(name), str(target)]

    def put_folder_argv(self, source, name):
        return [self.paths["dory"], "put", "-q", "-r", str(source), self.target(name + "/")]


class Rsync(Rival):
    """rsync's own daemon. Files are always new, so none is skipped, and -W does without the search for deltas."""

    name = "rsync"
    programs = ("rsync",)
    # A process for each connection: 10,000 of them would measure the machine's limit of processes.
    idle_counts = (1000,)

    def server_argv(self, measure, connections):
        owner = "uid = root\ngid = root\n" if os.geteuid() == 0 else ""
        config = self.write(
            "rsyncd.conf",
            f"{owner}use chroot = no\nreverse lookup = no\nlog file = /dev/null\n"
            f"[files]\npath = {self.root}\nread only = no\n",
        )
        options = ["--no-detach", f"--config={config}", "--address=127.0.0.1", f"--port={self.port}"]
        return [self.paths["rsync"], "--daemon", *options]

    def target(self, name):
        return f"rsync://127.0.0.1:{self.port}/files/{name}"

    def put_argv(self, source, name):
        return [self.paths["rsync"], "-q", "-W", str(source), self.target(name)]

    def get_argv(self, name, target):
        return [self.paths["rsync"], "-q", "-W", self.target(name), str(target)]

    def put_folder_argv(self, source, name):
        return [self.paths["rsync"], "-q", "-W", "-r", f"{source}/", self.target(name + "/")]


class Curl(Rival):
    """The client's side of the two rivals that curl talks to."""

    scheme = ""
    options = ()
    many_options = ()

    def client_argv(self, *words):
        # -q: someone's own ~/.curlrc must not change the numbers. Of many files, any may fail, not only the last.
        return [self.paths["curl"], "-q", "-sS", "--fail", "--fail-early", *self.options, *words]

    def target(self, name):
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"

    def put_argv(self, source, name):
        return self.client_argv("-T", str(source), self.target(name))

    def get_argv(self, name, target):
        return self.client_argv("-o", str(target), self.target(name))

    def put_folder_argv(self, source, name):
        lines = [
            f'upload-file = "{path}"\nurl = "{self.target(name)}/{path.relative_to(source)}"\n'
            for path in sorted(source.rglob("*"))
            if path.is_file()
        ]
        config = self.write("upload.conf", "".join(lines))
        return self.client_argv(*self.many_options, "-K", config)


class Nginx(Curl):
    """curl to nginx with its DAV module; one worker, since there is one client."""

    name = "curl-nginx"
    programs = ("curl", "nginx")
    scheme = "http"
    # Eight connections at a time; one alone takes three times as long.
    many_options = ("--no-progress-meter", "-Z", "--parallel-max", "8")
    idle_counts = (1000, 10000)
    hello = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def server_argv(self, measure, connections):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        # nginx closes idle connections when fewer than a sixteenth of its slots are free.
        slots = max(connections + connections // 8, 1024)
        lines = [
            "user root;" if os.geteuid() == 0 else "",
            "daemon off;",
            f"pid {self.folder}/nginx.pid;",
            f"events {{ worker_connections {slots}; }}",
            "http {",
            *(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds),
            "access_log off;",
            "sendfile on;",
            "client_max_body_size 0;",
            # The default, 16k, is slower; and by default a connection ends after 1,000 requests.
            "client_body_buffer_size 256k;",
            "keepalive_requests 1000000;",
            f"server {{ listen 127.0.0.1:{self.port}; root {self.root};",
            "location / { dav_methods PUT; create_full_put_path on; } } }",
        ]
        config = self.write("nginx.conf", "\n".join(lines) + "\n")
        return [self.paths["nginx"], "-p", str(self.folder), "-e", "stderr", "-c", config]


class Vsftpd(Curl):
    """curl to vsftpd, anonymous, run as an ordinary process of whoever runs the benchmark."""

    name = "curl-vsftpd"
    programs = ("curl", "vsftpd")
    scheme = "ftp"
    options = ("--ftp-create-dirs",)
    # Several at a time as well: alone, the curl of Debian 12 stalls for 0.2 to 1 s before most files.
    many_options = Nginx.many_options
    idle_counts = (1000,)

    def server_argv(self, measure, connections):
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        settings = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": self.port,
            "background": "NO",
            "run_as_launching_user": "YES",
            "ftp_username": getpass.getuser(),
            "secure_chroot_dir": empty,
            "anonymous_enable": "YES",
            "no_anon_password": "YES",
            "anon_root": self.root,
            "anon_world_readable_only": "NO",
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "write_enable": "YES",
            # Below the ports that clients get, else a port that curl has just left fails a transfer now and then.
            "pasv_min_port": 1024,
            "pasv_max_port": first_client_port() - 1,
            "max_clients": 0,
            "max_per_ip": 0,
            "xferlog_enable": "NO",
        }
        config = self.write("vsftpd.conf", "".join(f"{key}={value}\n" for key, value in settings.items()))
        return [self.paths["vsftpd"], config]


class Socat(Rival):
    """A bare pipe: one file, no name, no check. Its default block of 8 KiB is slow, so it gets 256 KiB."""

    name = "socat"
    programs = ("socat",)
    measures = BIG
    file_name = "big.bin"

    def argv(self, *words):
        return [self.paths["socat"], "-b", "262144", *words]

    def server_argv(self, measure, connections):
        listen = f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork"
        if measure == "get":
            return self.argv("-U", listen, f"OPEN:{self.root / self.file_name},rdonly")
        return self.argv("-u", listen, f"CREATE:{self.root / self.file_name}")

    def put_argv(self, source, name):
        # Not -u: a one-way client would exit while the server still writes. This one waits for its close.
        both_ways = f"OPEN:{source},rdonly!!OPEN:/dev/null,wronly"
        return self.argv("-t", "600", both_ways, f"TCP:127.0.0.1:{self.port}")

    def get_argv(self, name, target):
        return self.argv("-u", f"TCP:127.0.0.1:{self.port}", f"CREATE:{target}")


class Scp(Rival):
    """scp to an sshd of our own: a port, host key, user key and configuration that only the benchmark knows."""

    name = "scp"
    programs = ("scp", "sshd", "ssh-keygen")
    # sshd, run by root, insists on this empty folder, which its service would have made.
    privilege_folder = pathlib.Path("/run/sshd")

    def prepare(self):
        for key in ("host_key", "user_key"):
            argv = [self.paths["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        self.made_folder = os.geteuid() == 0 and not self.privilege_folder.exists()
        if self.made_folder:
            self.privilege_folder.mkdir(mode=0o755)

    def clean_up(self):
        if self.made_folder:
            self.privilege_folder.rmdir()

    def server_argv(self, measure, connections):
        lines = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/user_key.pub",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "Subsystem sftp internal-sftp",
        ]
        return [self.paths["sshd"], "-D", "-e", "-f", self.write("sshd_config", "\n".join(lines) + "\n")]

    def client_argv(self, *words):
        host_key = (self.folder / "host_key.pub").read_text()
        known = self.write("known_hosts", f"[127.0.0.1]:{self.port} {host_key}")
        settings = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes"]
        options = [word for setting in settings for word in ("-o", setting)]
        key = str(self.folder / "user_key")
        return [self.paths["scp"], "-q", "-F", "none", "-P", str(self.port), "-i", key, *options, *words]

    def target(self, name):
        return f"{getpass.getuser()}@127.0.0.1:{self.root}/{name}"

    def put_argv(self, source, name):
        return self.client_argv(str(source), self.target(name))

    def get_argv(self, name, target):
        return self.client_argv(self.target(name), str(target))

    def put_folder_argv(self, source, name):
        return self.client_argv("-r", str(source), self.target(name))


class Tftp(Rival):
    """tftp-hpa waits for an answer after every 512 bytes, so it gets 16 MiB only."""

    name = "tftp"
    programs = ("tftp", "in.tftpd")
    measures = MEDIUM

    def prepare(self):
        if os.geteuid() != 0:
            raise BenchError("its server insists on root; leave it out with --only")

    def server_argv(self, measure, connections):
        options = ["--foreground", "--address", f"127.0.0.1:{self.port}", "--user", getpass.getuser()]
        return [self.paths["in.tftpd"], "--listen", *options, "--create", "--secure", str(self.root)]

    def client_argv(self, *words):
        return [self.paths["tftp"], "-m", "binary", "127.0.0.1", str(self.port), "-c", *words]

    def put_argv(self, source, name):
        return self.client_argv("put", str(source), name)

    def get_argv(self, name, target):
        return self.client_argv("get", name, str(target))


class Iperf3(Rival):
    """Memory to memory, no file at either end: what the wire could do at most."""

    name = "iperf3"
    programs = ("iperf3",)
    measures = BIG
    stores = False

    def server_argv(self, measure, connections):
        return [self.paths["iperf3"], "-s", "-B", "127.0.0.1", "-p", str(self.port)]

    def client_argv(self, size, *words):
        return [self.paths["iperf3"], "-c", "127.0.0.1", "-p", str(self.port), "-n", str(size), *words]

    def put_argv(self, source, name):
        return self.client_argv(source.stat().st_size)

    def get_argv(self, name, target):
        return self.client_argv((self.root / name).stat().st_size, "-R")


ALL = {rival.name: rival for rival in (Dory, Rsync, Nginx, Vsftpd, Socat, Scp, Tftp, Iperf3)}
PACKAGES = ("rsync", "nginx", "curl", "vsftpd", "socat", "openssh-server", "tftpd-hpa", "iperf3")
