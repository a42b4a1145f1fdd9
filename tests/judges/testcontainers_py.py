"""Testcontainers for Python, against DOCKER_HOST, with its reaper. Usage: testcontainers_py.py SERVER

SERVER is an image of a web server that listens on port 8000.
"""

import sys
import urllib.request

import docker
from testcontainers.core.container import DockerContainer, Reaper
from testcontainers.core.network import Network
from testcontainers.core.waiting_utils import wait_for_logs


def main():
    server = sys.argv[1]
    with Network() as network:
        with DockerContainer(server).with_exposed_ports(8000).with_network(network).with_network_aliases("api") as api:
            wait_for_logs(api, "listening", timeout=20)
            url = f"http://{api.get_container_host_ip()}:{api.get_exposed_port(8000)}/nothing"
            try:
                urllib.request.urlopen(url, timeout=10)
                raise AssertionError("that page does not exist")
            except urllib.error.HTTPError as error:
                assert error.code == 404, error
    client = docker.from_env()
    reapers = [c for c in client.containers.list(all=True) if c.name.startswith("testcontainers-ryuk")]
    assert reapers, "no reaper was started"
    left = DockerContainer(server).start()
    name = left.get_wrapped_container().id
    # What is left over is the reaper's, as soon as this process ends.
    print("left", name)


if __name__ == "__main__":
    main()
