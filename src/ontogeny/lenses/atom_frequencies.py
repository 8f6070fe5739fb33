"""Atoms as functions of the two numbers, beside the frequencies that the host answers with."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.axes import Labelled, labelled
from ontogeny.lenses.base import lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.fourier2d import block_share
from ontogeny.numerics.periodicity import periodicity
from ontogeny.numerics.selection import above_mean
from ontogeny.subject import Subject


@lens(reads=("tap:hook_acts", "grid", "period", "host"), cost="moderate")
def atom_frequencies(
    model: Subject, *, threshold: float = 0.85, times_mean: float = 0.5, alive: float = 0.001
) -> dict[str, Labelled]:
    """Do single atoms compute with single frequencies, and are these the ones that the host answers with?

    Equation: share_kj is the share of atom j's variance over (a, b) in the block {1, cos k, sin k}² of its 2-D Fourier transform; an atom that
    is active on at least ``alive`` of the inputs is specialised if its largest share is at least ``threshold``, to that frequency. Key
    frequencies of the host: those along which its logits cos w_k(a + b − c) have more than ``times_mean`` of the mean energy. keys_found =
    share of the key frequencies with a specialised atom; atoms_at_keys = share of the specialised atoms whose frequency is key; led_by_keys = share
    of all living atoms whose dominant frequency is key, however much they hold of it. The same of the host's own units at the tap:
    units_specialised, units_at_keys, keys_of_units, units_led_by_keys. share_mean: mean of dominant_share over living atoms; key_share: chance for led_by_keys.

    Shapes: dominant_frequency, dominant_share (atom,), NaN of an atom that is not alive; atoms_at (frequency,) specialised atoms; is_key
    (frequency,); keys_found, atoms_at_keys, led_by_keys, key_share, share_mean, specialised, keys_of_units, units_at_keys, units_led_by_keys,
    units_specialised (). Units: shares, atoms. The host's units are the control: where these are specialised themselves, atoms find nothing that was
    hidden. A rectified wave of frequency k carries 2k, and so does its atom. An atom that is active on few inputs cannot be one wave: it is a bump
    made of several, and led_by_keys says whether these are key. Chance for atoms_at_keys and led_by_keys is the share of frequencies that are key. An untrained host
    has "key" frequencies too.
    Source: Nanda et al. 2023 for both definitions.
    """
    host, p = model.probe.host, model.probe.period
    assert host is not None and p is not None
    outputs = host.onward(None)[0]
    inputs = inputs_by_answer(host.labels, p)
    cube = outputs.reshape(-1, outputs.shape[-1]).float()
    energy = periodicity(table(cube, inputs), cube.square().sum(), inputs.shape[1]).energy
    is_key = torch.nn.functional.pad(above_mean(energy[1:], times_mean), (1, 0), value=False)
    acts = model.tap("hook_acts")
    atoms = _specialised(model, acts, (acts != 0).to(acts.dtype).mean(-2) >= alive, threshold)
    units = _specialised(
        model, model.probe.inputs, torch.ones(model.probe.inputs.shape[-1], dtype=torch.bool), threshold
    )
    frequency = {"frequency": range(p // 2 + 1)}
    return {
        "dominant_frequency": labelled(
            atoms.frequency, "atom", long_name="dominant frequency", units="cycles"
        ),
        "dominant_share": labelled(atoms.share, "atom", long_name="share at the dominant frequency"),
        "atoms_at": labelled(atoms.count(p), "frequency", long_name="specialised atoms", coords=frequency),
        "is_key": labelled(
            is_key.expand(*model.lead, -1),
            "frequency",
            long_name="key frequency of the host",
            coords=frequency,
        ),
        "keys_found": labelled(
            _found(atoms.count(p), is_key), long_name="share of the key frequencies with an atom"
        ),
        "atoms_at_keys": labelled(
            _at_keys(atoms.count(p), is_key), long_name="share of specialised atoms at a key frequency"
        ),
        "led_by_keys": labelled(
            atoms.led_by(is_key), long_name="share of living atoms whose dominant frequency is key"
        ),
        "key_share": labelled(
            is_key[..., 1:].to(acts.dtype).mean(-1).expand(model.lead),
            long_name="share of the frequencies that are key",
        ),
        "share_mean": labelled(
            atoms.share.nanmean(-1), long_name="share at the dominant frequency, mean over living atoms"
        ),
        "specialised": labelled(
            atoms.rate, long_name=f"share of living atoms with {threshold:g} at one frequency"
        ),
        "keys_of_units": labelled(
            _found(units.count(p), is_key).expand(model.lead),
            long_name="share of the key frequencies with a unit of the host",
        ),
        "units_at_keys": labelled(
            _at_keys(units.count(p), is_key).expand(model.lead),
            long_name="share of the host's specialised units at a key frequency",
        ),
        "units_led_by_keys": labelled(
            units.led_by(is_key).expand(model.lead),
            long_name="share of the host's units whose dominant frequency is key",
        ),
        "units_specialised": labelled(
            units.rate.expand(model.lead),
            long_name=f"share of the host's units with {threshold:g} at one frequency",
        ),
    }


class Specialised:
    """Units by their dominant frequency: (…, unit), NaN where a unit does not count or is constant."""

    def __init__(self, share: Tensor, counted: Tensor, threshold: float) -> None:
        top, at = share.max(-2)
        counted = counted & ~top.isnan()
        self.share, self.frequency = (torch.where(counted, x.to(share.dtype), torch.nan) for x in (top, at))
        self.which = counted & (top >= threshold)
        self.rate = self.which.to(share.dtype).sum(-1) / counted.sum(-1)

    def led_by(self, is_key: Tensor) -> Tensor:
        """Share of the units that count whose dominant frequency is one of these: (…)."""
        counted = ~self.frequency.isnan()
        led = is_key[torch.where(counted, self.frequency, 0).long()] & counted
        return led.sum(-1) / counted.sum(-1)

    def count(self, p: int) -> Tensor:
        """(…, frequency)."""
        at = torch.where(self.which, self.frequency, -1.0).unsqueeze(-2)
        return (at == torch.arange(p // 2 + 1)[:, None]).sum(-1)


def _specialised(model: Subject, values: Tensor, counted: Tensor, threshold: float) -> Specialised:
    return Specialised(block_share(model.on_grid(values, example_axis=-2)), counted, threshold)


def _found(count: Tensor, is_key: Tensor) -> Tensor:
    return ((count > 0) & is_key).sum(-1) / is_key.sum(-1)


def _at_keys(count: Tensor, is_key: Tensor) -> Tensor:
    return (count * is_key).sum(-1) / count.sum(-1)
