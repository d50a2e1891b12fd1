"""A wrong setting, named by its variable."""

from catalog.errors import LakeError

PREFIX = "CHATLAKE_"
"""How the variables of all settings begin."""


class SettingsError(LakeError):
    """A setting has a wrong value, or there is no setting of this name."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem
