"""The name of the agent that a conversation was held with."""

from chatlake_client.conversation import Turn, last_model
from chatlake_client.shapes.fields import Fields


def agent_of(turns: list[Turn], stated: Fields, *keys: str) -> str | None:
    """Return the model of the last turn that names one, or else the one that is stated.

    Args:
        turns: The main path.
        stated: The object that states a model for the whole conversation.
        keys: The keys under which it does. A model that no turn names changes no turn.
    """
    stated.leave(*keys)
    return last_model(turns) or stated.label(*keys)
