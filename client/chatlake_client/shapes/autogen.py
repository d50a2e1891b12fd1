"""Saved states of AutoGen's teams. Only those of one agent tell what it and the user said.

Each agent of a team has its own view of what was said, and the others' words are the user's there.

Source: microsoft/autogen, python/packages/autogen-agentchat/src/autogen_agentchat/state.
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.messages import turns_of

TEAM: Final = "TeamState"
AGENT: Final = "ChatAgentContainerState"
STATES: Final = "agent_states"


def is_team(row: Json) -> bool:
    """Tell whether a row is the state of a team."""
    return row.get("type") == TEAM and isinstance(row.get(STATES), dict)


def read_team(row: Fields) -> Conversation:
    """Return what the only agent knows of the conversation.

    Raises:
        RowError: The team has no agent, or several.
    """
    states = row.members(STATES)
    agents = [state for state in states.values() if state.text("type") == AGENT]
    if len(agents) != 1:
        raise RowError(f"{len(agents)} agents in the team, and one is a conversation")
    context = agents[0].nested("agent_state").nested("llm_context", "model_context")
    return Conversation(turns_of(context, "messages"), client=Application("AutoGen"))
