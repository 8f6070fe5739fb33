"""Which examples each variant sees at each step. Stateless: a step's batch depends on seeds and the step alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.tasks.base import Batch, Probe
from ontogeny.training.member import Member


class Feed:
    """Batches and splits of variants that share a shard (same task, same batch size)."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.task = members[0].task
        self.size = members[0].batch
        self._order = lru_cache(maxsize=2 * len(members) + 2)(self._permutation)
        if self.task.finite:
            n = len(self.splits[0]["train"])
            if self.size != "full" and self.size > n:
                raise UserError(
                    f"A batch of {self.size} is larger than the {n} examples to train on ({members[0].name}). "
                    f'Lower train.batch or raise task.train_fraction; train.batch = "full" takes all {n}.'
                )
            self.rows_per_batch = n if self.size == "full" else int(self.size)
            self.steps_per_epoch = n // self.rows_per_batch
        elif self.size == "full":
            raise UserError(
                'This task is a stream of fresh examples: train.batch must be a number, not "full".'
            )
        else:
            self.rows_per_batch, self.steps_per_epoch = int(self.size), 1

    @cached_property
    def probe(self) -> Probe:
        return self.task.probe()

    @cached_property
    def splits(self) -> list[dict[str, Tensor]]:
        """Rows of the probe by part, one dict a member; ``{}`` for a stream. Equal seeds share one split."""
        by_seed = {m.seeds["split"]: m for m in self.members}
        parts = {seed: m.task.split(m.key("split")) for seed, m in by_seed.items()}
        return [parts[m.seeds["split"]] for m in self.members]

    def _permutation(self, split_seed: int, order_seed: int, epoch: int) -> Tensor:
        """(step in epoch, row of the batch) → row of the probe; the last incomplete batch is dropped."""
        member = next(
            m for m in self.members if (m.seeds["split"], m.seeds["order"]) == (split_seed, order_seed)
        )
        rows = self.splits[self.members.index(member)]["train"]
        if self.size == "full":
            return rows.unsqueeze(0)
        order = member.key("order").permutation(len(rows), epoch)[
            : self.steps_per_epoch * self.rows_per_batch
        ]
        return rows[order].reshape(self.steps_per_epoch, self.rows_per_batch)

    def rows(self, i: int, start: int, stop: int) -> Tensor:
        """(step, row of the batch): rows of the probe that member ``i`` trains on in steps ``start … stop − 1``."""
        seeds = self.members[i].seeds
        epochs = range(start // self.steps_per_epoch, -(-stop // self.steps_per_epoch))
        tables = [
            self._order(seeds["split"], seeds["order"], 0 if self.size == "full" else e) for e in epochs
        ]
        offset = start - epochs.start * self.steps_per_epoch
        return torch.cat(tables)[offset : offset + stop - start]

    def fresh(self, i: int, step: int) -> Batch:
        """The batch of a stream at ``step``."""
        return self.task.draw(self.members[i].key("order"), step, self.rows_per_batch)
