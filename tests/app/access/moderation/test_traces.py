from app.access.moderation.service import Moderation
from app.services import Services
from catalog.records import Contribution
from tests.app.access.moderation.actors import MODERATOR, REPORTERS, decisions
from tests.app.access.moderation.banning import hidden


def test_what_is_erased_leaves_nothing_but_the_log(
    services: Services, moderation: Moderation, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    moderation.report(name, "spam", "private words", REPORTERS[0])
    moderation.put_into_quarantine([name], MODERATOR, None)
    services.access.bans.ban(["ada"], actor=MODERATOR, reason=None)
    services.access.banned_contributions.update()
    erased = services.access.hidden.ids()
    assert len(erased) == 3
    services.takedown.moderation_traces.erase(erased)
    services.takedown.moderation_traces.erase(erased)
    assert hidden(services) == set()
    assert moderation.reports.of([name]) == {}
    assert moderation.quarantine.count() == 0
    assert services.access.banned_contributions.count("ada") == 0
    assert decisions(moderation, name) == [("quarantine", MODERATOR)]
