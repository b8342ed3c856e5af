"""Train an SRN detector and tracker on clips.

srn train --preset small --data "300w:DIR?split=train" --val "300w:DIR?split=val" --out runs/srn
srn train ... --resume                                      # continues a run that was stopped
"""

from collections.abc import Sequence

from srn_core.cli.options import read_options
from srn_core.training.args import TrainArgs
from srn_core.training.train import train


def run(words: Sequence[str]) -> None:
    """The command ``srn train``."""
    train(read_options(TrainArgs, __doc__, "srn train", words))
