"""NotNow: what staff asked for is refused as things stand; `sentence` says why."""


class NotNow(Exception):
    """What was asked for cannot be done as things stand; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
