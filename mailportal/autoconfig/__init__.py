"""What mail programs ask for to set themselves up: the profile's [mail], in three languages.

Nothing is looked up: the answer to an address that exists is the answer to one that does not. An
address that is in a question is in no log (Mozilla's own way puts it after a `?`).
"""
