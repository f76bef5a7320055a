"""What runs in a learner's container of the docker driver, as its PID 1: it makes the sandbox there and hands terminals out.

Knows: the spawner's socket, the runtime. Doesn't know the engine, templates, or who learns.
Trusted, so it is small; standard library only.

    start.py     the order, from the first call to the spawner until the sandbox is ready
    confine.py   from the container's root to root of a user namespace that owns the container's cgroup, and nothing else
    places.py    what is where
    service.py   the verbs that the spawner may ask from then on

Two walls stand between a learner and the host. The inner one is the sandbox itself, the very one the crun driver makes: same
bundle, same runtime. The outer one is the container, which has no capability of the host's once `confine` is done, and no
process with the host's root's number.
"""
