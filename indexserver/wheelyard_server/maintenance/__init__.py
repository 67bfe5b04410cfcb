"""What is done to a whole storage: check it, collect its garbage, copy it. The index may be in use meanwhile.

`inventory.py` walks through everything project by project; `verify.py`, `gc.py` and `copy.py` each do one thing
with it and tell what they do as `events.py`.
"""
