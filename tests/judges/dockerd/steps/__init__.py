"""What is asked of both daemons, resource by resource, in this order."""

from . import cli, containers, errors, execs, files, images, life, lists, networks, plugins, streams, system, volumes

ALL = [
    system.run,
    images.run,
    plugins.begin,
    containers.run,
    files.run,
    streams.run,
    life.run,
    execs.run,
    networks.run,
    volumes.run,
    lists.run,
    plugins.end,
    errors.run,
    cli.run,
]
