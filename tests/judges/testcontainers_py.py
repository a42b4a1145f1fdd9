"""Testcontainers for Python, against DOCKER_HOST. Usage: testcontainers_py.py SERVER

SERVER is an image of a web server that listens on port 8000.
"""

import sys
import urllib.error
import urllib.request

from testcontainers.core.container import DockerContainer
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
    print("ok")


if __name__ == "__main__":
    main()
