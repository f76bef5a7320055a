"""Where things are in a learner's container. Names only, as text: the agent's start imports as little as it can, and the spawner
writes the sandbox's bundle by the same names."""

FOLDER = "/run/labs"  # the spawner's folder for this container
AGENT, SPAWNER = "agent", "spawner"  # sockets there: the agent's, and the spawner's while it waits for the agent's call

STAGE = "/tmp"  # a tmpfs of the agent's own
RUN, FILES, SYS, CRUN = f"{STAGE}/run", f"{STAGE}/files", f"{STAGE}/sys", f"{STAGE}/crun"
ROOTFS, BUNDLE, PID = f"{RUN}/rootfs", f"{RUN}/bundle", f"{RUN}/pid"  # as Parts has them (drivers/parts.py)

NAME = "learner"  # the sandbox's, for the runtime
CGROUP = f"/lab/{NAME}"
