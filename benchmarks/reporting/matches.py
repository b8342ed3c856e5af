"""Episodes of the players of several runs, one section for each game that they play."""

import functools
from collections import defaultdict
from collections.abc import Sequence

from agents.playing.episodes import player_section
from agents.playing.evaluation import find_policy, sibling_split
from agents.playing.rollout import play
from agents.playing.summary import CEILING, OPTIMUM, REFERENCE
from benchmarks.reporting.runs import Match
from srn_core.data import spec_label
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
            sections.append(_watched(together[0], list(policies), episodes, frames, device))
        except UserError as error:
            print(f"note: no episodes of {together[0].clips}: {error}")
            sections.append(facts(f"Episodes of {spec_label(together[0].clips)}", {"cannot be shown": error}))
    return sections


def _watched(match: Match, policies: Sequence[str], episodes: int, frames: int, device: str) -> Section:
    cut = "" if "frames=" in match.clips else f"{'&' if '?' in match.clips else '?'}frames={frames}"
    game = load_game(match.clips + cut, match.tracker, device, **rules_of(match.rules))
    names = list(dict.fromkeys([*policies, REFERENCE, CEILING]))
    rules = {**rules_of(match.rules), "mode": "detect"}
    training = functools.partial(load_game, sibling_split(match.clips, "train"), match.tracker, device, **rules)
    players = {name: find_policy(name, game, training) for name in names}
    rollouts = {name: play(game, player, episodes, match.seed) for name, player in players.items()}
    note = (
        "Drag over the picture or the slider, or use the arrow keys. White lines: the truth. Dots: the tracker's answer. "
        f"The picture is the tracker's crop, {game.scene.crop.size} px. The policy {CEILING} is {OPTIMUM[match.rules.mode]}."
    )
    title = f"Episodes: {spec_label(match.clips)}, tracker {match.tracker}, mode {match.rules.mode}"
    return player_section(title, note, game, players, rollouts, episodes)
