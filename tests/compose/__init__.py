"""The course with docker compose, as it is shipped, beside a real Docker Engine: built, used by a learner, restarted, taken away.

python -m tests.compose      needs no engine here: it runs in the engine guest (tests/guest)

__main__.py  on this host: what is shipped, the guest
shipped.py   what crosses: a clone, and what a machine without a network can't fetch
guest.yml    laid over docker-compose.yml there
script.py    in the guest: the order of it all
stack.py     docker compose, and what the engine says of its containers
traces.py    what a host has of containers, mounts, cgroups, processes, before and after
learner.py   a learner's calls
page.py      a learner's terminal, kept up as the page keeps it
visitors.py  a browser of this host at the stack there: two real pages
lesson.py    a whole lesson typed, and one of its tasks
lines.py     numbered lines, typed while something is restarted
timing.py    how long a sandbox and a terminal take
"""
