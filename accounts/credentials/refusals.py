"""What staff asked for and cannot have as things stand, in a sentence that says why."""


class NotNow(Exception):
    """What was asked for cannot be done as things stand; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
