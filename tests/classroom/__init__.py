"""A scripted class: sixty learners and those who run it, from joining to the export, on any server that is at hand.

    people.py      a pupil and a member of staff: calls, and channels that keep what they were told last
    hour.py        what happens, in order; raises Failed with what went wrong
    test_hour.py   all of it on `labs serve`; tests/compose has it under docker compose

With urllib and `websockets` only: in a guest there is little more at hand.
"""
