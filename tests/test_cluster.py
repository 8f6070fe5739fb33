"""A real Ray cluster of several nodes on this machine: the same study comes of it, also when workers and a node are killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ontogeny.store import events

pytestmark = [pytest.mark.optional, pytest.mark.timeout(900)]
ray = pytest.importorskip("ray")


@pytest.fixture
def cluster():
    """A head without cores of its own, and three nodes."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
    nodes = [made.add_node(num_cpus=1, memory=4 * 2**30, object_store_memory=80 * 2**20) for _ in range(3)]
    ray.init(address=made.address, log_to_driver=False)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def kill_workers_and_a_node(made, nodes, out: Path, killed: list[str], stop: threading.Event) -> None:
    """A worker that is at something once anything was committed, then a node, then another worker."""
    while not stop.is_set() and len(killed) < 3:
        time.sleep(0.01)
        if not [*out.glob("runs/*/resume/*")]:
            continue
        if len(killed) == 1:
            made.remove_node(nodes[0], allow_graceful=False)
            killed.append("node")
            continue
        at = {}
        for event in events.read(out):
            at[event.get("job")] = event
        for event in (e for e in at.values() if e["says"] in ("begun", "at") and e["pid"] != os.getpid()):
            try:
                os.kill(event["pid"], signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append("worker")
            break


def test_workers_and_a_node_are_killed_and_nothing_is_lost(
    cluster, tiny_study, tmp_path, carry_out, contents_of
):
    from ontogeny.executors.cluster import Cluster

    study = tiny_study(
        train__epochs=3000,
        vary__seed=[0, 1],
        measures=["activation_similarity"],
        lenses=["performance", "effective_rank"],
    )
    out, killed, stop = tmp_path / "out", [], threading.Event()
    killer = threading.Thread(target=kill_workers_and_a_node, args=(*cluster, out, killed, stop))
    killer.start()
    try:
        carry_out(study, out, executor=Cluster())
    finally:
        stop.set()
        killer.join()
    assert killed == ["worker", "node", "worker"]
    assert [event for event in events.read(out) if event["says"] == "lost"]
    carry_out(study, tmp_path / "here")
    assert contents_of(out) == contents_of(tmp_path / "here")
    assert not [*out.rglob("*.writing"), *(out / "leases").iterdir()]
    assert not carry_out(study, out)
