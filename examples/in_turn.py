# SPDX-License-Identifier: MIT
"""in_turn.py COMMAND COMMAND [ROUNDS]: runs both in turn and says how much longer the first takes: the median of the pairs."""
import shlex
import statistics
import subprocess
import sys
import time


def once(command):
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return time.monotonic() - begin, done.stdout


def main():
    commands = [shlex.split(text) for text in sys.argv[1:3]]
    ratios = []
    for n in range(int(sys.argv[3]) if len(sys.argv) > 3 else 11):
        first, second = (once(c) for c in (commands if n % 2 == 0 else commands[::-1]))
        if first[1] != second[1]:
            sys.exit("the two print different things")
        ratios.append(first[0] / second[0] if n % 2 == 0 else second[0] / first[0])
    print(f"the first takes {statistics.median(ratios):.3f} times as long as the second "
          f"({min(ratios):.3f} to {max(ratios):.3f} in {len(ratios)} pairs)")


if __name__ == "__main__":
    main()
