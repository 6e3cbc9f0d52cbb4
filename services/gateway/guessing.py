"""Passwords that are guessed soon: common ones, patterns, repetitions, and the words of whoever sets them."""

_MANY_GUESSES = 1e10
"""Its best mark. Whoever steals the table and its pepper makes some thousand guesses a second."""
_LOOKED_AT = 32
"""Characters: as many that are hard to guess are enough, and some of twice as many take seconds."""


def why_guessable(password: str, username: str) -> str | None:
    """What makes a password easy to guess, for whoever chose it; None where nothing does.

    By zxcvbn (Wheeler, USENIX Security 2016): 30,000 common passwords, names, words, keyboard patterns and
    dates. Takes up to 0.1 s.
    """
    # Its lists take 10 MB, and few processes ever see a new password.
    from zxcvbn import zxcvbn

    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[username, "wattgate"])
    if found["guesses"] >= _MANY_GUESSES:
        return None
    warning: str = found["feedback"]["warning"]
    return warning or "It is made of common words or patterns."
