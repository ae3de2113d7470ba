"""Short forms of `make soak`, each in a file of its own, so that they run beside each other."""

import subprocess
import sys

from tests.bot_process import ENVIRONMENT, ROOT


def run(*arguments):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=380, check=False
    )
