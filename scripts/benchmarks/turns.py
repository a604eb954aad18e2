"""Servers measured in turns: what slows a round slows all of its servers, so their ratios say more than the figures."""
import itertools
import statistics


def take_turns(servers, run, rounds):
    """Yields each server with the figures of its rounds: dictionaries of the same names, made by run(server)."""
    measured = [[run(server) for server in servers] for _ in range(rounds)]
    yield from zip(servers, zip(*measured))


def median(runs, name, digits=None):
    return round(statistics.median(run[name] for run in runs), digits)


def ratio(ours, its, name):
    """The median of the rounds' ratios."""
    return round(statistics.median(own[name] / other[name] for own, other in zip(ours, its)), 3)


def print_table(rows):
    """Rows that have the same columns make a table; what is a list is for the JSON file only."""
    def columns(row):
        return [name for name, value in row.items() if not isinstance(value, list)]

    for number, (names, group) in enumerate(itertools.groupby(rows, columns)):
        lines = [names, *([str(row[name]) for name in names] for row in group)]
        widths = [max(map(len, column)) for column in zip(*lines)]
        print(end="\n" if number else "")
        for line in lines:
            print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))
