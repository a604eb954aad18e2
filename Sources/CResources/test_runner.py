"""Runs one test in a project's checkout: python3 -I -u runner.py

Waits for what to run on standard input: fields, each a line with its length and so many bytes. They are the path of the
entry file, the name of the test, its code, and the number of files to be made, each of which has a path, a mode of git
and a content. It is started before there is anything to run, so nothing of a project is looked at before.

The entry file is loaded first, and the test runs in its namespace, so that it can use what the entry file defines. Ends
with 0 when the test passed, 70 when the checkout or its entry file cannot be loaded, 71 when the test was refused
memory, otherwise 1, each with what went wrong on standard error. What only a failure needs is imported then: most tests
pass, and start-up is most of their time.
"""
import os
import sys
from importlib.machinery import PathFinder

CANNOT_LOAD, OUT_OF_MEMORY = 70, 71
sources = {}
Module = type(sys)


class StandIn:
    """An agent of a project whose SDK is not installed: keeps what it was given."""

    def __init__(self, name=None, *arguments, **members):
        self.name = name
        self.arguments = arguments
        self.__dict__.update(members)

    def __class_getitem__(cls, _):
        return cls

    def as_tool(self, tool_name=None, **_):
        return StandIn(name=tool_name or self.name, agent=self)


def function_tool(function=None, **_):
    return function if function else lambda wrapped: wrapped


def provide_sdk():
    """Without the Agents SDK in this Python, definitions of agents can still be loaded and looked at."""
    if PathFinder.find_spec("agents"):
        return
    module = Module("agents", "A stand-in for the Agents SDK, which is not installed.")
    module.Agent = StandIn
    module.function_tool = function_tool
    module.handoff = lambda agent=None, **_: agent
    sys.modules["agents"] = module


def field(orders):
    size = int(orders.readline())
    content = orders.read(size)
    if len(content) < size:
        raise ValueError("the orders end too early")
    return content


def make_file(path, mode, content):
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    if mode == b"120000":
        os.symlink(content, path)
        return
    with open(path, "wb") as file:
        file.write(content)
    if mode == b"100755":
        os.chmod(path, 0o755)


def load(source, label, namespace):
    sources[label] = source
    exec(compile(source, label, "exec", dont_inherit=True), namespace)


def report(error):
    """The traceback without the frames of this file, with the lines of the files under the names people know them by."""
    import linecache
    import traceback

    for label, source in sources.items():
        lines = source.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[label] = (len(source), None, lines, label)
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def main():
    PathFinder.find_spec("agents")  # reads the folders of packages, and is asked again when there is a test
    with open(0, "rb", closefd=False) as orders:
        if not orders.peek(1):
            return 0  # There is nothing to run any more.
        try:
            entry, name, code = field(orders).decode(), field(orders).decode(), field(orders)
            for _ in range(int(field(orders))):
                make_file(field(orders), field(orders), field(orders))
        except (OSError, ValueError) as error:
            print(f"{error}\nthe checkout cannot be loaded, so the test was not run", file=sys.stderr)
            return CANNOT_LOAD
    provide_sdk()
    sys.path.append(os.getcwd())
    stem = os.path.splitext(os.path.basename(entry))[0] if entry else "project"
    module = Module(stem)
    if entry:
        module.__file__ = entry
        known = sys.modules.get(stem)
        sys.modules.setdefault(stem, module)
        try:
            with open(entry, "rb") as file:
                load(file.read(), entry, module.__dict__)
        except BaseException as error:
            report(error)
            print(f"{entry} cannot be loaded, so the test was not run", file=sys.stderr)
            return CANNOT_LOAD
        # What a test imports by the file's name is a module of its own, so that `import main` does not take the name
        # `main` from what the file defines. When that is the name of the SDK, what the file defines is found there too.
        imported = known or Module(stem)
        for key, value in module.__dict__.items():
            imported.__dict__.setdefault(key, value)
        sys.modules[stem] = imported
    try:
        load(code, name, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        report(error)
        return OUT_OF_MEMORY if isinstance(error, MemoryError) else 1
    return 0


sys.exit(main())
