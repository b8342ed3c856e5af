"""Episodes of the players of several runs, one section for each game that they play."""

import functools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from agents.playing.episodes import player_section
from agents.playing.evaluation import find_policy, sibling_splits
from agents.playing.rollout import play
from agents.playing.summary import CEILING, OPTIMUM, REFERENCE
from benchmarks.reporting.runs import Match
from srn_core.data.several import listed_specs, specs_label, specs_text
from srn_core.data.spec import with_option
from srn_core.errors import UserError
from srn_core.pages.page import Section
from srn_core.pages.sections import facts
from srn_gym.games import load_game
from srn_gym.rules import rules_of


def match_sections(matches: Sequence[Match], episodes: int, frames: int, device: str) -> list[Section]:
    """Sections to watch; where a game cannot be played here, one that says why."""
    if not episodes:
        return []
    games = defaultdict(list)
    for match in matches:
        games[match.clips, match.tracker, match.rules].append(match)
    sections = []
    for together in games.values():
        policies = dict.fromkeys(name for match in together for name in match.policies)
        try:
            # The match that has a policy that learns from training clips also says from which.
            chosen = next((match for match in together if {"prior", "adaptive"} & set(match.policies)), together[0])
            sections.append(_watched(chosen, list(policies), episodes, frames, device))
        except UserError as error:
            print(f"note: no episodes of {specs_text(together[0].clips)}: {error}")
            sections.append(facts(f"Episodes of {specs_label(together[0].clips)}", {"cannot be shown": error}))
    return sections


def _watched(match: Match, policies: Sequence[str], episodes: int, frames: int, device: str) -> Section:
    game = load_game(match.clips, match.tracker, device, **rules_of(match.rules))
    if any(len(clip) > frames for clip in game.clips):
        game = load_game(
            [with_option(spec, "frames", str(frames)) for spec in listed_specs(match.clips)],
            match.tracker,
            device,
            **rules_of(match.rules),
        )
    names = list(dict.fromkeys([*policies, REFERENCE, CEILING]))
    rules, train_clips = {**rules_of(match.rules), "mode": "detect"}, match.train_clips or sibling_splits(match.clips, "train")
    training = functools.partial(load_game, train_clips, match.tracker, device, **rules)
    shown = short_names(names)
    players = {shown[name]: find_policy(name, game, training, match.prior_frames) for name in names}
    rollouts = {name: play(game, player, episodes, match.seed) for name, player in players.items()}
    note = (
        "Drag over the picture or the slider, or use the arrow keys. White lines: the truth. Dots: the tracker's answer. "
        f"The picture is the tracker's crop, {game.scene.crop.size} px. The policy {CEILING} is {OPTIMUM[match.rules.mode]}."
    )
    title = f"Episodes: {specs_label(match.clips)}, tracker {match.tracker}, mode {match.rules.mode}"
    return player_section(title, note, game, players, rollouts, episodes)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """What runs and policies are called on a page: their last part where no other has the same.

    >>> short_names(["runs/a", "runs/b", "old/b", "greedy"])
    {'runs/a': 'a', 'runs/b': 'runs/b', 'old/b': 'old/b', 'greedy': 'greedy'}
    """
    last = [Path(path).name for path in paths]
    return {path: name if last.count(name) == 1 else path for path, name in zip(paths, last, strict=True)}
