"""Command line of the load test; prints its table and writes it to ``build/load.md``."""

import argparse
import sys
from dataclasses import replace

from tests.load import phases
from tests.load.phases import Outcome, Phase
from tests.load.report import by_widget, targets, title, with_columns
from tests.support import REPOSITORY

TARGET = REPOSITORY / "build" / "load.md"
VIEWERS = (1, 10, 30, 60)
ATTACKED = 30  # viewers, of whom the attacks of a hostile one are measured
SECONDS = 120.0
FURTHER_CHANGES = 2000


def main() -> int:
    """Run the phases one after the other; return exit status 1 if one failed."""
    options = parse(sys.argv[1:])
    outcomes = []
    for phase in plan(options):
        outcomes.append(phases.run(phase))
        print(with_columns(outcomes[-1:]), file=sys.stderr)
        for message, count in (outcomes[-1].log.errors + outcomes[-1].further.errors).items():
            print(f"{count} times: {message}", file=sys.stderr)
    text = "\n\n".join([title(), with_columns(outcomes), by_widget(outcomes), targets(outcomes)])
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(f"{text}\n")
    print(text)
    return int(not all(succeeded(outcome) for outcome in outcomes))


def succeeded(outcome: Outcome) -> bool:
    """Return whether viewers changed something without an error, and the network answered."""
    return bool(outcome.log.seconds and outcome.passes) and not outcome.errors


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="4 viewers and a hostile one for 8 seconds"
    )
    parser.add_argument("--viewers", type=int, nargs="+", help="number of viewers at the same time")
    parser.add_argument("--seconds", type=float, help="duration of a phase")
    parser.add_argument("--pictures", choices=("same", "own", "both"), default="both")
    parser.add_argument(
        "--replicas", type=int, nargs="+", choices=(1, 2), help="one server, two behind nginx"
    )
    parser.add_argument("--interactions", type=int, help="further changes after the last phase")
    return parser.parse_args(arguments)


def plan(options: argparse.Namespace) -> list[Phase]:
    """Return the phases that these options select."""
    everything = not (options.quick or options.viewers)
    viewers = options.viewers or ((4,) if options.quick else VIEWERS)
    seconds = options.seconds or (8.0 if options.quick else SECONDS)
    pictures = "own" if options.quick else options.pictures
    own_choices = {"same": (False,), "own": (True,), "both": (False, True)}[pictures]
    further = options.interactions or (FURTHER_CHANGES if everything else 0)
    plans = [
        Phase(count, seconds, own, replicas=replicas, hostile=hostile)
        for replicas in options.replicas or (1,)
        for own in own_choices
        for count in viewers
        for hostile in ((False, True) if count == ATTACKED else (own and options.quick,))
    ]
    return [*plans[:-1], replace(plans[-1], further_changes=further)]


if __name__ == "__main__":
    sys.exit(main())
