"""Tests that need a kernel with cgroup v2 and real root: run inside the vm driver's guest. See run.py."""
