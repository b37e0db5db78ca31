"""nginx in front of two replicas, with the documented configuration."""

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import REPOSITORY
from tests.support.server import wait_for_health

CONFIGURATION = REPOSITORY / "docs" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
# Debian's /etc/nginx/nginx.conf, which includes /etc/nginx/conf.d, for an ordinary user, with the
# numbers of connections and descriptors in docs/hosting.md.
NGINX_CONF = """
daemon off;
worker_rlimit_nofile 8192;
user {user} {group};
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/vgg-viz.conf;
}}
"""


@contextmanager
def running_nginx(
    folder: Path, address: str, replicas: Sequence[str]
) -> Iterator[subprocess.Popen]:
    """Run nginx at an address in front of two replicas, with its files in ``folder``."""
    # Only for root: nginx would run its workers as a user who may not write here.
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    (folder / "vgg-viz.conf").write_text(configuration(folder, address, replicas))
    (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, user=user, group=group))
    with (folder / "nginx.log").open("w") as output:
        process = subprocess.Popen(
            [NGINX, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        try:
            wait_for_health(address, process)
        except RuntimeError as error:
            error.add_note((folder / "nginx.log").read_text())
            raise
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def configuration(folder: Path, address: str, replicas: Sequence[str]) -> str:
    """Return docs/nginx.conf with other ports and another cache folder."""
    first, second = (str(urlsplit(replica).port) for replica in replicas)
    replacements = {
        "8501": first,
        "8502": second,
        "listen 80;": f"listen {urlsplit(address).netloc};",
        "/var/cache/nginx-vgg-viz": f"{folder}/cache",
    }
    text = CONFIGURATION.read_text()
    for documented, local in replacements.items():
        assert documented in text, f"expected {documented} in {CONFIGURATION}"
        text = text.replace(documented, local)
    return text
