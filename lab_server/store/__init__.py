"""What is kept of learners: one database, SQLite by default, PostgreSQL by its address.

Imports nothing of ours but `lab_server.errors`. Knows SQL; knows neither lessons nor HTTP nor who may ask.

    engine.py      opening by address, transactions, failures in words
    tables.py      the tables
    migrations/    how a database of an earlier version becomes one of this
    archive.py     a backup as one file
    copies.py      a database saved and put back; copies_postgres.py is PostgreSQL's way
    lock.py        who uses the folder
    learners.py    who there is; two becoming one; forgetting
    progress.py    what a learner did, and how far it got
    leases.py      how long learners' sandboxes have, and why they ended
    codes.py       resume codes, by which a learner is known on another device
    classes.py     classes: what is taught, the code to join by, when they are open
    members.py     who learns in a class; staff.py is who runs it
    accounts.py    those who sign in, and where they are signed in
    names.py       names that people choose for themselves
"""
