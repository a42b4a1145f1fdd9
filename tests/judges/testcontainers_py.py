"""Testcontainers for Python, against DOCKER_HOST. Usage: testcontainers_py.py SERVER [abandon]

SERVER is an image of a web server that listens on port 8000. With `abandon` it prints "up" when it runs, and waits until it is killed.
"""

import signal
import sys
import urllib.error
import urllib.request

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy


def main():
    server, abandon = sys.argv[1], sys.argv[2:] == ["abandon"]
    with Network() as network:
        api = DockerContainer(server).with_exposed_ports(8000).with_network(network).with_network_aliases("api")
        with api.waiting_for(LogMessageWaitStrategy("listening").with_startup_timeout(60)):
            url = f"http://{api.get_container_host_ip()}:{api.get_exposed_port(8000)}/nothing"
            try:
                urllib.request.urlopen(url, timeout=10)
                raise AssertionError("that page does not exist")
            except urllib.error.HTTPError as error:
                assert error.code == 404, error
            if abandon:
                print("up", flush=True)
                while True:
                    signal.pause()
    print("ok")


if __name__ == "__main__":
    main()
