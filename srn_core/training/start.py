"""What a training run starts from."""

import dataclasses
from collections.abc import Sequence

from srn_core.checkpoints import load_pretrained
from srn_core.errors import UserError
from srn_core.model import SRN, SRNConfig


def starting_model(preset: str, init: str | None, overrides: Sequence[str], scheme: str = SRNConfig.scheme) -> SRN:
    """The model of the checkpoint ``init`` (a name or folder); without one, an untrained model of a preset.

    An hourglass that the checkpoint lacks starts untrained: its shape is then the checkpoint's mean shape. With relation=off
    the checkpoint's non-local block is left out. ``scheme`` is the untrained model's, unless one of ``overrides`` (see
    :meth:`SRNConfig.override`) names another.

    Raises:
        UserError: no such checkpoint or field, a wrong value of a field, or weights that do not fit.
    """
    if not init:
        return SRN(dataclasses.replace(SRNConfig.preset(preset), scheme=scheme).override(overrides))
    given = load_pretrained(init)
    if not overrides:
        return given
    model = SRN(given.config.override(overrides))
    fresh = model.state_dict()
    untrained = {name: value for name, value in fresh.items() if name.startswith("hourglass.")}
    trained = {n: value for n, value in given.state_dict().items() if n in fresh or not n.startswith("nonlocal_block.")}
    try:
        model.load_state_dict({**untrained, **trained})
    except RuntimeError:
        raise UserError(
            f"config override {' '.join(overrides)}: the weights of {init} do not fit that architecture; leave --init out, or "
            "override only fields without weights (steps, memory, crop_factor, image_size, another relation, relation=off) or "
            "add an hourglass"
        ) from None
    return model
