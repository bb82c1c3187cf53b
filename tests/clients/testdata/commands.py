"""Runs the commands openstack and neutron as their programs in /usr/bin do, each in a process of its own.

What they share is the interpreter's start and the imports, which are most of what a command costs. A line of standard
input is a command, [program, [argument...], {variable: value}]; the answer is the line [exit code, output, errors].
"""

import importlib.metadata
import json
import os
import sys
import tempfile

import neutronclient.shell
import openstackclient.shell

PROGRAMS = {"openstack": openstackclient.shell.main, "neutron": neutronclient.shell.main}


def child(program, arguments, environment, out, err):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["/usr/bin/" + program] + arguments
    sys.exit(PROGRAMS[program](arguments))


def run(program, arguments, environment):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            child(program, arguments, environment, out, err)
        _, status = os.waitpid(pid, 0)
        for stream in out, err:
            stream.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


def load_plugins():
    """Imports what every command of openstack looks through."""
    for group in importlib.metadata.entry_points().groups:
        if group.startswith("openstack.") or group == "keystoneauth1.plugin":
            for point in importlib.metadata.entry_points(group=group):
                try:
                    point.load()
                except ImportError:  # of what is not installed
                    pass


def main():
    load_plugins()
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), flush=True)


main()
