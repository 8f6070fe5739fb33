"""One worker: a job a line comes in, what became of it goes out. It ends when nobody hands it jobs any more."""

from __future__ import annotations

import json
import os
import signal
import sys


def main() -> None:
    import torch

    from ontogeny.executors.base import elsewhere

    # whoever handed out the jobs is asked to stop, and ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # whatever a lens prints is not an answer
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(elsewhere(**json.loads(line)), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
