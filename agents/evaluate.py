"""Play whole clips with any policy, trained or named.

python agents/evaluate.py --policy greedy --clips demo?split=val --optimal
python agents/evaluate.py --policy runs/dqn-1 --clips "300vw:DIR?split=val" --optimal --json FILE --video FILE.mp4
"""

import contextlib

from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import all_episode_rows, evaluation_settings, play_policies
from agents.playing.summary import CEILING, REFERENCE, print_summary, summarise
from agents.playing.video import write_episode
from srn_core.cli.options import read_options
from srn_core.data.several import specs_text
from srn_core.errors import command
from srn_core.io.files import check_outputs, report_stream, write_json


@command
def main() -> None:
    args = read_options(EvaluateArgs, __doc__)
    check_outputs((args.json, args.video))
    policies = [args.policy, *(name for name in (REFERENCE, CEILING) if args.optimal and name != args.policy)]
    game, rollouts = play_policies(args, policies)
    rows = summarise(rollouts)
    if args.json:
        # The data spec stands under "clips" here, as in a run's evaluation.json.
        figures = {**rows[0], "num_clips": rows[0]["clips"], **evaluation_settings(args)}
        write_json(args.json, {**figures, "rows": all_episode_rows(game, rollouts)})
    if args.video:
        write_episode(game, rollouts[args.policy], 0, args.video)
    # Files first: whoever reads the standard output may stop reading (| head).
    with contextlib.redirect_stdout(report_stream((args.json,))):
        print_summary(rows, f"{specs_text(args.clips)}, tracker {args.tracker}, mode {args.mode}, seed {args.seed}", game)


if __name__ == "__main__":
    main()
