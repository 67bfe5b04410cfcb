"""Coverage-guided fuzzing of what reads input from outside: `make fuzz`.

A module for each kind of input has a dict `TARGETS`, from a name to a `fuzz.target.Target`;
`__main__.py` lists the modules.
"""
